"""Requests that a client sends again because it got no answer."""
