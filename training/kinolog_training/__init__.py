"""Training of kinolog-tiny, the embedded text-to-video model: scenes, captions, networks, export and evaluation."""
