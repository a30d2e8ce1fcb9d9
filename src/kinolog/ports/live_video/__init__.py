"""The live videos of running attempts."""
