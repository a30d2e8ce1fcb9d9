"""`kinolog audit`: exports of the log, and bundles that prove it."""
