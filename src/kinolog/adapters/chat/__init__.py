"""Adapter: a chat endpoint that speaks the protocol of OpenAI."""
