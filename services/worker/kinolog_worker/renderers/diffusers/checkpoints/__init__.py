"""Checkpoints of a scene within its denoising: what is stored of a step, and how a call is brought back to it."""
