"""Webhooks: which addresses may be called, what is sent there, how it is signed, and when it is tried again.

Pure, except for the resolution of names.
"""
