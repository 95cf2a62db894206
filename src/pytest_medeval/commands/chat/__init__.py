"""Talk to candidate and baseline side by side, and keep what went wrong as a case."""
