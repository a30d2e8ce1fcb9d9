"""The disks of a stack: how much room they have, and what happens when they have none."""
