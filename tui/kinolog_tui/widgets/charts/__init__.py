"""Charts of block characters."""
