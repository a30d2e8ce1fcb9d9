"""Reads of clients as a record of its own: who read what, and when. Pure. See decision 139."""
