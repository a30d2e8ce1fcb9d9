"""Puts the training package on the path: it is not part of the installed distribution."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
