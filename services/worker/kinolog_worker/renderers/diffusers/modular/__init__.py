"""Modular pipelines of diffusers, loaded from their folders and called like ordinary pipelines."""
