"""Tests of questions about commits."""
