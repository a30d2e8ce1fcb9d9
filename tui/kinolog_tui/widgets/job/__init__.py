"""Widgets of the page of one job."""
