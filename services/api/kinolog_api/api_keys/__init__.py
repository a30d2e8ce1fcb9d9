"""The API keys that this api knows, and their uses."""
