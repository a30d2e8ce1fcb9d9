"""Rebuilds the projection beside the live one."""
