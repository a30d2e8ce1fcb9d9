"""Upscalers of transformers."""
