"""What may be done to the frames of a video after they were drawn."""
