"""Commands for whoever runs kinolog: read models, restore, backup."""
