"""Pictures of the web page in Chromium: of a week of work, of an empty kinolog, and of one that needs keys."""
