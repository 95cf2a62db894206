"""General text of the world, for the base model; ``mix`` puts its kinds together."""
