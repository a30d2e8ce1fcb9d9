"""The gateway: REST and WebSocket for clients, translated to calls of the gRPC api."""
