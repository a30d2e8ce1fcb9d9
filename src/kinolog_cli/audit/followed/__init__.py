"""The tree of a gateway as a witness follows it."""
