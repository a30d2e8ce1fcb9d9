"""Print the tests that failed in the last run of pytest, one a line, as arguments of another run: `failed_tests.py`."""

from __future__ import annotations

import json
from pathlib import Path

FAILED = Path(".pytest_cache/v/cache/lastfailed")


def main() -> None:
    """Print the ids, without the groups that pytest-xdist adds to them."""
    if FAILED.exists():
        for test in json.loads(FAILED.read_text(encoding="utf-8")):
            print(test.rpartition("@")[0] or test)


if __name__ == "__main__":
    main()
