"""The choice of the next lane of tickets. Pure."""
