"""The supervisor: takes tickets, has jobs rendered, and tells the log."""
