"""Live updates: one sans-io flow, and the loops that perform its steps."""
