"""Plumbing of every call: authentication, validation, parsing of requests, errors."""
