"""The routes of exports of the log."""
