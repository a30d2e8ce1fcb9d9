"""The WebSocket /ws: live updates, catching up, and the AsyncAPI document."""
