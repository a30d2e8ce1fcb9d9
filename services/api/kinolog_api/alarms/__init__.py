"""Alarms: list them, and refuse work while one says so."""
