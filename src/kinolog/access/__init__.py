"""API keys: what they may do, how they are written, the facts about them, and the ports of their stream and of issuers
of tokens. Pure.
"""
