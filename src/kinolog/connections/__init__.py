"""What the system knows about connections, and how often it sends over them."""
