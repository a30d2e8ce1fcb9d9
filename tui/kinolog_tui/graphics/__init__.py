"""Pictures in a terminal: what it supports, and the bytes that draw them."""
