"""Default arguments of both clients."""

from __future__ import annotations

URL = "http://127.0.0.1:8085"
TIMEOUT_SECONDS = 30.0
RETRIES = 2
