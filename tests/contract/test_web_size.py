"""What each page of the built web page loads at first, against the limit of 250 kB."""

from __future__ import annotations

import pytest
from kinolog_gateway.web_page.built_page import COMPRESSED, WEB_FILES
from kinolog_gateway.web_page.endpoint import PAGE_MODULES
from kinolog_gateway.web_page.scripts import MANIFEST, read_scripts

LIMIT_BYTES = 225_000
"""Of scripts, compressed. 25 kB of the limit are for the page itself and for what the gateway answers."""
LEAST_BYTES = 100_000
"""Less cannot be: React alone has half of it."""

pytestmark = pytest.mark.skipif(
    not (WEB_FILES / MANIFEST).is_file(), reason="the web page is not built: make web"
)


@pytest.mark.parametrize("path", PAGE_MODULES)
def test_first_load_of_each_page(path: str) -> None:
    """The scripts that a page loads at first are small."""
    files = read_scripts(WEB_FILES).first_load(PAGE_MODULES[path])
    size = sum((WEB_FILES / (file + COMPRESSED)).stat().st_size for file in files)
    assert LEAST_BYTES < size <= LIMIT_BYTES


def test_the_addresses_are_those_of_the_build() -> None:
    """Each address of the gateway begins with the module that the page loads there."""
    assert {modules[0] for modules in PAGE_MODULES.values()} == read_scripts(WEB_FILES).pages
