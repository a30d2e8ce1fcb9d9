"""Pictures of a scene that is denoised: what its latents will look like, by a map that was fitted to clips before."""
