"""Groups of settings that processes share. `kinolog.process.settings` puts them together."""
