"""How good is it? Rows of counts per case, scores of their sums."""
