"""Routes about who may call."""
