"""What the site changes of the pages, which are written for a repository. See mkdocs.yml.

README.md becomes the first page, and CONTRIBUTING.md, SECURITY.md and CHANGELOG.md are pages too. Links to them lead to
these pages, and links to other files of the repository become their names. Lists get the blank line that they
need here, and sections the anchors that GitHub gives them. A page that the navigation lacks is under More.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changes.md",
}
"""Pages of the root of the repository, and what they are in the site."""
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^\s*```")
_ITEM = re.compile(r"^( *)(?:[-*]|\d+\.) ")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Complete the navigation: all decisions, the newest first, and the pages that it lacks."""
    config.mdx_configs["toc"]["slugify"] = anchor
    docs = ROOT / "docs"
    decisions = [f"decisions/{path.name}" for path in sorted(docs.glob("decisions/0*.md"), reverse=True)]
    parts = [part for part in config.nav or [] if "Decisions" not in part]
    named = {page for part in parts for pages in part.values() for page in pages}
    others = [path.name for path in sorted(docs.glob("*.md")) if path.name not in named]
    more = [{"More": others}] if others else []
    config.nav = [*parts, *more, {"Decisions": ["decisions/README.md", *decisions]}]
    return config


def anchor(heading: str, separator: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", separator)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return a page as the site needs it."""
    sources = {target: source for source, target in PAGES.items()}
    uri = page.file.src_uri
    place = sources.get(uri, posixpath.join("docs", uri))
    return with_spaced_lists(with_site_links(markdown, place, uri))


def with_site_links(markdown: str, place: str, uri: str) -> str:
    """Return the text of a page of the repository with links of the site. `uri` is what the page is there."""

    def link(match: re.Match[str]) -> str:
        mark, text, target = match.groups()
        text = _LINK.sub(link, text)
        path, hash_sign, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target) or not path:
            return f"{mark}[{text}]({target})"
        named = posixpath.normpath(posixpath.join(posixpath.dirname(place), path))
        if named == "docs/decisions":
            named = "docs/decisions/README.md"
        if named not in PAGES and not named.startswith("docs/"):
            return text
        there = PAGES.get(named, named.removeprefix("docs/"))
        relative = posixpath.relpath(there, posixpath.dirname(uri) or ".")
        return f"{mark}[{text}]({relative}{hash_sign}{anchor})"

    return _outside_of_code(markdown, lambda text: _LINK.sub(link, text))


def with_spaced_lists(markdown: str) -> str:
    """Return a text whose lists begin after a blank line."""
    lines: list[str] = []
    in_code, before = False, ""
    for line in markdown.splitlines():
        if _FENCE.match(line):
            in_code = not in_code
        item = None if in_code else _ITEM.match(line)
        if item and before.strip() and not _ITEM.match(before) and not before.startswith(" "):
            lines.append("")
        lines.append(line)
        before = line
    return "\n".join(lines) + "\n"


def _outside_of_code(markdown: str, change: Callable[[str], str]) -> str:
    """Return a text with what is outside of its blocks of code changed."""
    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if number % 2 else change(part) for number, part in enumerate(parts))
