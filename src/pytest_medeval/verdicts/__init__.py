"""What follows? Gates and what they say."""
