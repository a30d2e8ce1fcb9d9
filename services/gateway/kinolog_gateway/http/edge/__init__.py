"""What stands between clients and routes: proxies, prefixes, earlier paths, web pages of other origins, HEAD."""
