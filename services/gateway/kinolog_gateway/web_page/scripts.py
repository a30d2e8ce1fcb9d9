"""Which scripts of the built page belong together, as the manifest of its build says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

MANIFEST = "manifest.json"
ENTRY = "index.html"
APP = "src/app.tsx"
"""What the entry loads at every address, to be evaluated by itself."""


class Chunk(TypedDict):
    """One script of the build."""

    file: str
    imports: NotRequired[list[str]]
    """Names of the chunks that it cannot do without."""
    dynamicImports: NotRequired[list[str]]
    """Names of the chunks that it loads later."""


class Scripts:
    """The chunks of a build by their names."""

    def __init__(self, chunks: Mapping[str, Chunk]) -> None:
        self._chunks = chunks

    @property
    def pages(self) -> frozenset[str]:
        """The modules of `src/pages` that the page loads by themselves when an address is opened."""
        entry: set[str] = set()
        self._follow(ENTRY, entry)
        return frozenset(
            name.removeprefix("src/pages/").removesuffix(".tsx")
            for chunk in entry
            for name in self._chunks[chunk].get("dynamicImports", ())
            if name.startswith("src/pages/")
        )

    def first_load(self, modules: Sequence[str]) -> frozenset[str]:
        """Return the files that the page loads at an address that begins with these modules of `src/pages`."""
        return self._files((ENTRY, APP, *(f"src/pages/{module}.tsx" for module in modules)))

    def preloads(self, modules: Sequence[str]) -> Sequence[str]:
        """Return the files of the page and of these modules that `index.html` does not name by itself."""
        return sorted(self.first_load(modules) - self._files((ENTRY,)))

    def _files(self, names: Iterable[str]) -> frozenset[str]:
        """Return the files of these chunks and of those that they cannot do without; of names without one, none."""
        found: set[str] = set()
        for name in names:
            self._follow(name, found)
        return frozenset(self._chunks[name]["file"] for name in found)

    def _follow(self, name: str, found: set[str]) -> None:
        if name in found or name not in self._chunks:
            return
        found.add(name)
        for imported in self._chunks[name].get("imports", ()):
            self._follow(imported, found)


def read_scripts(folder: Path) -> Scripts:
    """Return the scripts of the build in a folder. Without a manifest there are none: then nothing is loaded ahead."""
    try:
        return Scripts(json.loads((folder / MANIFEST).read_bytes()))
    except (OSError, ValueError):
        return Scripts({})
