"""What the gateway answers, and what it is asked for."""
