"""API keys: what they may do, how they are written, the facts about them, and the port of their stream. Pure."""
