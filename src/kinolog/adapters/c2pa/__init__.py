"""Signed statements in videos, as C2PA manifests (https://c2pa.org), by the library of the C2PA project."""
