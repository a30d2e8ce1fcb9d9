"""Everything on one machine: `kinolog up` and `kinolog doctor`."""
