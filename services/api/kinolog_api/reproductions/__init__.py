"""Jobs that render completed ones again."""
