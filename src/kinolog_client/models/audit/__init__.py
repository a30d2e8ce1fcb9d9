"""Models of answers for audits."""
