"""The archive of reads, and the end of those that are too old."""
