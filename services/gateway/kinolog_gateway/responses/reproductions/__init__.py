"""How a job compares with the one that it reproduces."""
