"""How many requests a key and a tenant may send."""
