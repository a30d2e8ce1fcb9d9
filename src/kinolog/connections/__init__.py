"""What the system knows about connections."""
