"""What each page of the built web page loads at first, against the limit of 250 kB."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kinolog_gateway.web_page.built_page import COMPRESSED, WEB_FILES

LIMIT_BYTES = 225_000
"""Of scripts, compressed. 25 kB of the limit are for the page itself and for what the gateway answers."""
MANIFEST = WEB_FILES / "manifest.json"
PAGES = {
    "dashboard": ("dashboard/dashboard", "dashboard/charts"),
    "jobs": ("jobs/jobs",),
    "job": ("job/job_page",),
    "generate": ("generate/generate",),
    "analytics": ("analytics/analytics",),
    "settings": ("settings/settings",),
}
"""The modules of each page that are loaded at first, besides what every page loads."""

pytestmark = pytest.mark.skipif(not MANIFEST.is_file(), reason="the web page is not built: make web")


def _imports(manifest: dict[str, Any], name: str, found: set[str]) -> None:
    if name not in found:
        found.add(name)
        for imported in manifest[name].get("imports", ()):
            _imports(manifest, imported, found)


def test_first_load_of_each_page() -> None:
    """The scripts that a page loads at first are small."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    sizes: dict[str, int] = {}
    for page, modules in PAGES.items():
        found: set[str] = set()
        for name in ("index.html", *(f"src/pages/{module}.tsx" for module in modules)):
            _imports(manifest, name, found)
        files = {manifest[name]["file"] for name in found}
        sizes[page] = sum((WEB_FILES / (file + COMPRESSED)).stat().st_size for file in files)
    assert {page: size for page, size in sizes.items() if size > LIMIT_BYTES} == {}
    assert min(sizes.values()) > LIMIT_BYTES // 4


def test_every_page_is_measured() -> None:
    """The pages of the build are those that have a limit."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    begun = {name for name in manifest["index.html"]["dynamicImports"] if name.startswith("src/pages/")}
    assert begun == {f"src/pages/{modules[0]}.tsx" for modules in PAGES.values()}
