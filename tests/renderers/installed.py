"""The entry points of the renderers for tests, as an installed package would have them.

`DISTRIBUTION` holds a `*.dist-info` folder and nothing else. On the path it makes the test card a renderer that the
worker finds like any other.
"""

from __future__ import annotations

import os
from pathlib import Path

DISTRIBUTION = Path(__file__).parent / "distribution"
PYTHONPATH = os.pathsep.join(
    filter(None, (str(Path(__file__).parents[2]), str(DISTRIBUTION), os.environ.get("PYTHONPATH")))
)
"""For processes that use the renderers for tests: this repository, their entry points, and what this process has."""
