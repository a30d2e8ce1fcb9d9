"""`kinolog models`: what jobs can name, and the models of this machine."""
