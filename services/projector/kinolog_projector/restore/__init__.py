"""Restores log, archive and read models from what is left of them, and proves that they are equal afterwards.

See decision 16.
"""
