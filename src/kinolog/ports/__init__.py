"""Ports: the interfaces that the kernel needs from the outside, one noun per module."""
