"""Where the networks of a loaded pipeline are, and what happens when memory runs out. See docs/memory.md."""
