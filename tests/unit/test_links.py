"""Links lead somewhere: between pages, to sections of pages, and from code to pages and decisions."""

from __future__ import annotations

import ast
import os
import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
SKIPPED = {".venv", ".git", "build", "dist", "node_modules", ".hypothesis", ".pytest_cache"}
SOURCES = ("*.py", "*.proto", "*.toml", "*.yml", "Makefile")


@cache
def _checkout() -> list[Path]:
    """Return every file of the checkout. Skipped folders are not entered: they hold ten thousands of files."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED]
        found += [Path(folder, name) for name in names]
    return sorted(found)


def _files(pattern: str) -> list[Path]:
    return [path for path in _checkout() if fnmatchcase(path.name, pattern)]


PAGES = _files("*.md")


@cache
def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _wrong(page: Path, link: str) -> str | None:
    """Return what is wrong with a link of a page; None if it leads somewhere."""
    if re.match(r"[a-z]+:", link):
        return None  # another site: not looked up
    file, _, anchor = link.partition("#")
    target = (page.parent / unquote(file)).resolve() if file else page
    if not target.exists():
        return f"{link}: there is no such file"
    if anchor and anchor not in _anchors(target):
        return f"{link}: the page has no such section"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page(page: Path) -> None:
    """Every link and picture of a page exists, and so does the section that it names."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert not [wrong for link in links if (wrong := _wrong(page, link))]


def test_the_code_cites_what_exists() -> None:
    """Pages and decisions that the code names exist."""
    wrong: list[str] = []
    for path in (path for pattern in SOURCES for path in _files(pattern)):
        if path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8")
        cited = {*re.findall(r"\bdocs/[\w/.-]+\.(?:md|yaml|png|svg)", text)}
        missing = {name for name in cited if not (ROOT / name).exists()}
        numbers = {number.zfill(4) for number in re.findall(r"\bdecision (\d+)", text)}
        numbers |= set(re.findall(r"docs/decisions/(\d{4})(?![\w-])", text))
        missing |= {
            number for number in numbers if not list((ROOT / "docs/decisions").glob(f"{number}-*.md"))
        }
        wrong += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(missing)]
    assert not wrong, "\n".join(wrong)


def test_each_decision_has_a_number_of_its_own() -> None:
    """Code and pages cite a decision by its number, which its title has too."""
    decisions = sorted((ROOT / "docs/decisions").glob("0*.md"))
    numbers = [int(decision.name[:4]) for decision in decisions]
    assert len(set(numbers)) == len(numbers)
    for number, decision in zip(numbers, decisions, strict=True):
        assert decision.read_text(encoding="utf-8").startswith(f"# {number}. "), decision.name


def test_decisions_are_cited() -> None:
    """Each decision is cited by the code or a page beside it, so that a reader of either finds it."""
    texts = [path.read_text(encoding="utf-8") for pattern in (*SOURCES, "*.md") for path in _files(pattern)]
    for decision in sorted((ROOT / "docs/decisions").glob("0*.md")):
        number = decision.name[:4]
        own = decision.read_text(encoding="utf-8")
        assert any(
            decision.name in text or re.search(rf"decisions?/{number}|decision {int(number)}\b", text)
            for text in texts
            if text != own
        ), f"nothing cites {decision.name}"


ROOMS = ("src", "services/api", "services/worker", "services/projector", "services/gateway", "tui")


def _defines(path: Path, name: str) -> bool:
    """Return whether a module defines a class, a function, or a function of a class."""
    node: ast.AST = ast.parse(path.read_text(encoding="utf-8"))
    for part in name.split("."):
        children = [
            child
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and child.name == part
        ]
        if not children:
            return False
        node = children[0]
    return True


def _steps() -> list[tuple[str, str]]:
    """Return file and function of every step of the walks."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    return re.findall(r"`([\w/]+\.py):([\w.]+)`", page)


def test_the_steps_of_the_walks_exist() -> None:
    """Every `file:function` of docs/architecture.md is in the code."""
    steps = _steps()
    assert len(steps) > 50
    wrong: list[str] = []
    for file, name in steps:
        path = _source(file)
        if path is None or not _defines(path, name):
            wrong.append(f"{file}:{name}")
    assert not wrong, "\n".join(wrong)


def _source(file: str) -> Path | None:
    """Return the module with an import path; None if there is none."""
    return next((ROOT / room / file for room in ROOMS if (ROOT / room / file).exists()), None)


def test_every_room_is_on_the_page() -> None:
    """docs/architecture.md names every folder with modules or style sheets of a package, and no other."""
    table = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").partition("## Rooms\n")[2]
    rows = [re.findall(r"`([\w/]+)/`", row) for row in table.partition("\n## ")[0].splitlines()]
    named = {_room(first, name) for first, *others in filter(None, rows) for name in (first, *others)}
    assert _folders("*.py", "*.tcss") - named == set()
    assert {path for path in named if not path.is_dir()} == set()


def test_the_walks_pass_every_room() -> None:
    """Each folder with modules of a package has a step of a walk in it or below it. Generated code has none."""
    passed = {folder for file, _ in _steps() if (path := _source(file)) for folder in path.parents}
    unpassed = {str(room.relative_to(ROOT)) for room in _folders("*.py") - passed}
    assert unpassed == {"src/kinolog/v1"}, "docs/architecture.md: add a step to The other rooms"


def test_the_files_of_the_recipes_exist() -> None:
    """Every path in CONTRIBUTING.md is there. `<name>` stands for any name."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:src|services|tui|web|tests|proto|docs)/[^\s`]+)`", page)
    assert len(paths) > 50
    assert not [path for path in paths if not any(ROOT.glob(re.sub(r"<\w+>", "*", path)))]


def _folders(*patterns: str) -> set[Path]:
    """Return the folders of the packages that have files of these names."""
    packages = [path for room in ROOMS for path in (ROOT / room).glob("kinolog*") if path.is_dir()]
    return {
        folder
        for package in packages
        for folder in package.iterdir()
        if folder.is_dir() and any(file for pattern in patterns for file in folder.glob(pattern))
    }


def _room(first: str, name: str) -> Path:
    """Return a folder that a row names: from the root, beside the first one of the row, or in that."""
    places = (ROOT, (ROOT / first).parent, ROOT / first)
    return next((place / name for place in places if (place / name).is_dir()), ROOT / first / name)
