"""Convert what frames are made with beside the model."""
