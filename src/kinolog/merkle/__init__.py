"""The Merkle tree of RFC 6962 and RFC 9162 over a list of byte strings. Pure.

Leaves are numbered from 0. Every function takes hashes and returns hashes; reading and writing them is for the caller.
"""
