"""Keeps the archive of keys complete, and removes what was erased from the files of the database."""
