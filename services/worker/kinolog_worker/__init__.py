"""The worker: a supervisor that takes tickets and writes to the log, and an inference process that renders."""
