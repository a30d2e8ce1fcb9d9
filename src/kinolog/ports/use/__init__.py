"""Ports: how much each tenant uses."""
