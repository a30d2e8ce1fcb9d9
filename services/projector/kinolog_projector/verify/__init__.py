"""Compares everything that is stored: log, archive, tree, read models, keys and files. See docs/decisions/0137."""
