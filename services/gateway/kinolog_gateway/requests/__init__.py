"""Models of query strings and request bodies, converted to requests of the api."""
