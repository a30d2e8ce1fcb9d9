"""The entry points of the renderers for tests, as an installed package would have them.

`DISTRIBUTION` holds a `*.dist-info` folder and nothing else. On the path it makes the test card a renderer that the
worker finds like any other.
"""

from __future__ import annotations

import os
from pathlib import Path

DISTRIBUTION = Path(__file__).parent / "distribution"
PYTHONPATH = os.pathsep.join((str(Path(__file__).parents[2]), str(DISTRIBUTION)))
"""For processes that use the renderers for tests: this repository and their entry points."""
