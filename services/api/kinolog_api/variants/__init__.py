"""Several jobs of one request that differ in their seeds."""
