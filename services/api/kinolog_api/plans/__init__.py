"""What a job would be, before it is submitted."""
