"""The queue of tickets on the streams WORK and ADVISORIES."""
