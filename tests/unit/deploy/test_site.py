"""The documentation as a site: it builds without a warning, with every page, its pictures and its search."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from tests.fixtures.servers import temporary_folder

ROOT = Path(__file__).parents[3]
PAGES = {
    "README.md": "index",
    "CONTRIBUTING.md": "contributing",
    "SECURITY.md": "security",
    "CHANGELOG.md": "changes",
}


class SitePage(HTMLParser):
    """What the tests look at of the text of a page: paragraphs, pictures, ids and links within the site."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.paragraphs: list[str] = []
        self.pictures: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self._in_paragraph = False
        text = path.read_text(encoding="utf-8").partition("<article")[2].partition("</article>")[0]
        assert text, path
        self.feed(text)  # around it is the navigation, which mkdocs checks

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        given = dict(attrs)
        if given.get("id"):
            self.ids.add(str(given["id"]))
        if tag == "img":
            self.pictures.append(str(given.get("src")))
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if tag == "p":
            self.paragraphs.append("")
            self._in_paragraph = True

    def handle_endtag(self, tag: str) -> None:
        """Note the end of a paragraph."""
        self._in_paragraph = self._in_paragraph and tag != "p"

    def handle_data(self, data: str) -> None:
        """Collect the text of a paragraph."""
        if self._in_paragraph:
            self.paragraphs[-1] += data


@pytest.fixture(scope="module")
def site() -> Iterator[Path]:
    """The built site. A warning fails the build."""
    with pytest.MonkeyPatch.context() as patch, temporary_folder() as folder:
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder / "site"))
        config.plugins.on_startup(command="build", dirty=False)
        build(config)
        yield folder / "site"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_site_has_every_page_with_its_pictures_lists_and_links(site: Path) -> None:
    """Each page of the repository is one of the site, and what it shows or links to within the site is there."""
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    pages |= {Path(f"{name}.html") for name in PAGES.values()}
    pages = {path.with_name("index.html") if path.name == "README.html" else path for path in pages}
    read = {path: SitePage(site / path) for path in pages}
    assert len(read) > 100
    wrong: list[str] = []
    for path, page in read.items():
        wrong += [
            f"{path}: a list in a paragraph: {text[:60]}"
            for text in page.paragraphs
            if re.search(r"^[-*] ", text, re.M)
        ]
        for picture in page.pictures:
            if not picture.startswith("data:") and not (site / path.parent / picture).is_file():
                wrong.append(f"{path}: no picture {picture}")
        for link in page.links:
            file, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:", link) or file.startswith("/"):
                continue
            target = (
                (site / path.parent / file).resolve().relative_to(site.resolve())
                if file not in ("", ".")
                else path
            )
            if not (site / target).exists():
                wrong.append(f"{path}: no page {link}")
            elif anchor and target in read and anchor not in read[target].ids:
                wrong.append(f"{path}: no section {link}")
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_search_knows_every_section(site: Path) -> None:
    """The index of the search has the sections of a page and their words."""
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {entry["location"]: entry["text"] for entry in index["docs"]}
    assert "make env" in re.sub(r"<[^>]+>", "", found["containers.html"])
    assert {"running.html#backups", "index.html#why", "containers.html#images-by-digest"} <= found.keys()
