"""The interface of Google for Veo, under /veo."""
