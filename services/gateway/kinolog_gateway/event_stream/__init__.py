"""Live updates as server-sent events: the route and the stream of one client."""
