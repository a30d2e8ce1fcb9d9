"""Check by the probe of a process whether it is ready, for health checks of containers.

`python -m kinolog.process.probe_check 8090`
"""

from __future__ import annotations

import sys
from http.client import HTTPConnection, HTTPException

TIMEOUT_SECONDS = 2.5


def is_ready(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether `/ready` on that port answers 200."""
    connection = HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_ready(int(sys.argv[1])) else 1)
