"""Pictures and clips that jobs start from: upload, copies of jobs, expiry."""
