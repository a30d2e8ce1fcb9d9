"""The WebSocket /ws, and its AsyncAPI document."""
