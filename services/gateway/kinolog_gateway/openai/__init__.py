"""The videos interface of OpenAI, under /v1."""
