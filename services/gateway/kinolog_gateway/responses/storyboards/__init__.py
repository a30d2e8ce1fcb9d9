"""The scenes of a job, and of one that is not submitted."""
