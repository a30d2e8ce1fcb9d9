"""Recorded jobs through the rules of the queue on a simulated clock: other policies, workers and speeds. Pure."""
