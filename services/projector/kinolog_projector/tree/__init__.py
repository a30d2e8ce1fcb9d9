"""The tree over all commits: its hashes and its signed heads in the database. See docs/decisions/0134."""
