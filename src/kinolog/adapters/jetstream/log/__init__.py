"""The log of commits on the stream EVENTS."""
