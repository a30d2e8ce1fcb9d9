"""The `kinolog` command."""
