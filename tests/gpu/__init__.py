"""What needs a GPU, measured in one script with a time budget: `python -m tests.gpu.check --help`."""
