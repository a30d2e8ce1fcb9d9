"""The renderer port, and its adapters, named by what they drive."""
