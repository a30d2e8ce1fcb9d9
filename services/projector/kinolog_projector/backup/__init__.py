"""Backups of everything that cannot be rebuilt: log, keys, log lines and files."""
