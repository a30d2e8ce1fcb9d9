"""The kernel: the domain of jobs, its ports and adapters, shared by all processes."""
