"""Files of a process while it runs."""
