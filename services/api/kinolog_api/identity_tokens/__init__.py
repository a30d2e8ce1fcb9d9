"""JSON Web Tokens of identity providers: whose they are, and for whom they stand (decision 109)."""
