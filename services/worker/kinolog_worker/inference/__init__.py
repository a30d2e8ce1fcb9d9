"""Rendering in a process of its own, so that a crash, a kill or a held interpreter lock harms no one else."""
