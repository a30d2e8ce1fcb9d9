"""What single pipeline classes of diffusers need beyond a plain call."""
