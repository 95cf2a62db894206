"""What do judges and people say? Prompts, requests, readers, panels, and the ratings of people."""
