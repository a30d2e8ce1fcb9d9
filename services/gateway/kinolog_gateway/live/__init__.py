"""Live updates: what the WebSocket and the server-sent events share."""
