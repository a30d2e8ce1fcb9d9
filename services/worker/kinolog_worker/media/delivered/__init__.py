"""Videos that were made elsewhere."""
