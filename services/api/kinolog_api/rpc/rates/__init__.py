"""How many requests a key and a tenant may send, and how many of them go on at once."""
