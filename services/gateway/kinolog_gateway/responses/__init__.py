"""Models of response bodies, converted from responses of the api."""
