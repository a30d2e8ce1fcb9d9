"""The domain of jobs: commands, events, state, decide and evolve. Pure."""
