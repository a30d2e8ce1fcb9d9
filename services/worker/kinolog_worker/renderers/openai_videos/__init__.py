"""Renderer that requests videos from a server with `POST /v1/videos`, the videos interface of OpenAI."""
