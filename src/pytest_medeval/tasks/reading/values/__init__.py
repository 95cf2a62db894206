"""Values in replies: how they are written, in which unit, and which one is stated."""
