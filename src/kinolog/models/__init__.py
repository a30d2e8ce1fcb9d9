"""The catalogue of models and their renderers."""
