"""Use cases of JobService: submit, command, query, list and erase jobs."""
