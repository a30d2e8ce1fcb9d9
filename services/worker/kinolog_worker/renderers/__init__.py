"""The renderer port, its adapters (named by what they drive), and the embedded model."""
