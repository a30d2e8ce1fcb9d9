"""A finished video as pictures or as an animation. A process of its own decodes it: see `exporter_process`."""
