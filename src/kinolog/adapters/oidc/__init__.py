"""Adapter: identity providers that speak OpenID Connect."""
