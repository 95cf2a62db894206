"""What does pytest see? Hooks, fixtures, collection, outputs; they only translate."""
