"""What exports of the log send."""
