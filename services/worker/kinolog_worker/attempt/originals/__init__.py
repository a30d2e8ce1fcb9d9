"""The job that an attempt reproduces."""
