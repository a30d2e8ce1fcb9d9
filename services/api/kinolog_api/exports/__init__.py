"""Exports of finished videos."""
