"""Routes of the tree over all commits."""
