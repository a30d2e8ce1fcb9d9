"""All processes of kinolog on one machine: start, supervision, stop and checks."""
