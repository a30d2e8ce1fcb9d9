"""Step caches: work of a network that is left out in steps that change little."""
