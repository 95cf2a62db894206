"""What remains? The journal of a run and its record."""
