"""The interface of Replicate, under /replicate."""
