"""Scenes of captions: positions, pixels, and latent states."""
