"""Where do adapters come from? A recipe in, an adapter out."""
