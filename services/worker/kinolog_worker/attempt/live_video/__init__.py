"""The live video of an attempt."""
