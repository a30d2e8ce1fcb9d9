"""What a worker does with the tickets that it receives."""
