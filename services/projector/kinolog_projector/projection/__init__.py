"""Projects the log to the read models: prepares batches, makes rows and writes them."""
