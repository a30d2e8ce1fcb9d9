"""What the system knows about connections, how often it sends over them, and what it remembers of the last ones."""
