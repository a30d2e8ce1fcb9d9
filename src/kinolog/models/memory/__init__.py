"""How much memory a model needs on a device, and where its networks are placed. See docs/memory.md."""
