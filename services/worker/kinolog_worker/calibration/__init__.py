"""The process that measures a profile: the same clips with it and as the model is, side by side."""
