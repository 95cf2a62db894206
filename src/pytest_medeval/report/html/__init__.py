"""The page of a run: one file, to be opened offline."""
