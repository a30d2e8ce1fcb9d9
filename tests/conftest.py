"""Fixtures for every test: the modules in tests/fixtures/, which tests may also import."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

pytest_plugins = ["tests.fixtures.servers", "tests.fixtures.whole_stack"]
