"""Estimates of what a draft will take."""
