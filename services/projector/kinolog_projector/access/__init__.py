"""The archive of facts about API keys, and what makes the stream whole from it."""
