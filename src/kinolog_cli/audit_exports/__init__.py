"""`kinolog audit`: exports of the log."""
