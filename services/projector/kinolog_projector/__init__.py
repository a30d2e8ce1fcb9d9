"""The projector: writes the read models and the archive from the log, and keeps the ticket queue up to date."""
