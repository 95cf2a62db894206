"""Is the difference real? Intervals, paired tests, corrections; arrays in, numbers out."""
