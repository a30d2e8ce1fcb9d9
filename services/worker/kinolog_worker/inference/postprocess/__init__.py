"""What is done to the frames of drawn scenes before they are joined."""
