"""Pictures in a terminal: what it can show, and the bytes that make it show them."""
