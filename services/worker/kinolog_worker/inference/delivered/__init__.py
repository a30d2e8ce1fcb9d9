"""Jobs whose renderer delivers a finished file."""
