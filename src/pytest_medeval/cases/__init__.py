"""Where do cases come from? One reader a published format; errors as file:line."""
