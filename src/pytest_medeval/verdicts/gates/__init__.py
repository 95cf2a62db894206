"""Gates: how they are written, what they see, and what they say."""
