"""The option that takes new pictures of the pages."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--write-pictures`; it is known when the tests of this folder are named on the command line."""
    parser.addoption("--write-pictures", action="store_true", help="take new pictures of the dashboard")
