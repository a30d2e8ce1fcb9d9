"""`kinolog audit`: the tree over all commits, its proofs and its witness."""
