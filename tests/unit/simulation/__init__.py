"""Simulations of the queue."""
