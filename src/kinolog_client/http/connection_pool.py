"""Limits of the connections that a client keeps."""

from __future__ import annotations

import httpx

IDLE_SECONDS = 5.0
"""How long an idle connection is kept. The gateway keeps it longer: a request never meets a connection that it ends."""

POOL_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=IDLE_SECONDS)
