"""The session of a person: preferences, the connection, and state that outlives a page."""
