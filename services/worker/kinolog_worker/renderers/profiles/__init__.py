"""Profiles: how near their clips come to those of the model as it is, as it was measured on this machine."""
