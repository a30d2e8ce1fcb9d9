"""The web page: its files, as `make web` builds them, and the headers that they are served with."""
