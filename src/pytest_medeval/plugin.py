"""The pytest hooks; they only translate."""
