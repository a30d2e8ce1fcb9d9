"""Values of the charts that the read model returns."""
