"""What frames are made with beside the model."""
