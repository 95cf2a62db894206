"""What do people read? A record in, lines out."""
