"""The tiny pipelines that the stage of families runs, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.renderers.pipelines import ltx_folder, wan_folder

TINY_FAMILIES: Mapping[str, Callable[[Path], object]] = {"wan": wan_folder, "ltx": ltx_folder}
"""Name and what writes the pipeline into a folder."""
