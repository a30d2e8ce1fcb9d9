"""`kinolog audit`: questions about all commits, and the tree over them, its proofs and its witness."""
