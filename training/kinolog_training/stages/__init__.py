"""The stages of training and the export of the model."""
