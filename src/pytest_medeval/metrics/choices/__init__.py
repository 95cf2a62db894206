"""Multiple choice: right or wrong, how sure, and several right options."""
