"""The live video of a job: played while it is rendered."""
