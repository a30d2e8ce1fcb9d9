"""The networks that ship: text encoder, denoiser, decoder."""
