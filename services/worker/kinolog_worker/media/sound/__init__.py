"""The sound of scenes and videos."""
