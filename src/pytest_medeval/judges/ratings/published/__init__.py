"""Published sets of ratings, a module each: their readers, by name in ``judges.ratings.READERS``."""
