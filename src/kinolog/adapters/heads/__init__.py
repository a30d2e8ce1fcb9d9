"""Places outside of kinolog that get signed heads of the tree."""
