"""Rendering in a process of its own, so that a crash or a kill of it does not stop the supervisor."""
