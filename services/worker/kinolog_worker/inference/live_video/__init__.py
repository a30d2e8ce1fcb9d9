"""The live video of the job that the inference process renders."""
