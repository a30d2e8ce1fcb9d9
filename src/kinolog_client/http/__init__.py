"""REST operations, and the transports that perform them."""
