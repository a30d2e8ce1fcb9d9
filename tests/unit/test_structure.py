"""The shape of the code: words, rooms and sizes that every change keeps."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("src", "services", "tui", "training")
MOST_MODULES = 14
MOST_LINES = 350
MOST_ING_SHARE = 0.03


def _modules(*rooms: str) -> list[Path]:
    """Return the hand-written modules below these folders."""
    return [
        path
        for room in rooms
        for path in sorted((ROOT / room).rglob("*.py"))
        if "v1" not in path.parts and "buf" not in path.parts and "__pycache__" not in path.parts
    ]


Definition: TypeAlias = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _definitions_in(statements: Iterable[ast.AST]) -> Iterator[Definition]:
    """Yield classes and functions, also nested ones. Expressions are not visited: none defines any."""
    for statement in statements:
        if isinstance(statement, Definition):
            yield statement
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(statement, block, None)
            if isinstance(inner, list):
                yield from _definitions_in(inner)


@cache
def _definitions(path: Path) -> list[tuple[str, int, bool]]:
    """Name, line, and whether it is a class, of the definitions of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [(node.name, node.lineno, isinstance(node, ast.ClassDef)) for node in _definitions_in(tree.body)]


def _words(name: str) -> set[str]:
    """Return the lower-case words of an identifier: `JobRowPage` and `job_row_page` have the same."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def _listed(heading: str) -> set[str]:
    """Return the first column of a table of the glossary."""
    page = (ROOT / "docs/glossary.md").read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    rows = re.findall(r"^\| ([^|]+) \|", page.partition("\n## ")[0], flags=re.MULTILINE)
    return {word for row in rows[2:] for word in row.split(", ")}


def _sentences(path: Path) -> str:
    """Return the text of a page or module in lower case, with blanks for line breaks."""
    return " ".join(path.read_text(encoding="utf-8").lower().split())


def _named(path: Path) -> Iterator[str]:
    """Yield the names of a module, its classes and its functions."""
    yield path.stem
    for name, _, _ in _definitions(path):
        yield name


def _product_modules() -> list[Path]:
    return [path for path in _modules(*PRODUCT) if "tests" not in path.parts]


def test_no_name_has_a_retired_word() -> None:
    """Modules, classes and functions use the words of docs/glossary.md."""
    retired = _listed("Retired words")
    assert len(retired) > 20, "the table of retired words was not found"
    found = {
        f"{path.relative_to(ROOT)}: {name}: {', '.join(words)}"
        for path in _product_modules()
        for name in _named(path)
        if (words := _words(name) & retired)
    }
    assert not found, "\n".join(sorted(found))


def test_few_modules_are_named_after_an_activity() -> None:
    """Modules are nouns: names in -ing stay below 3 percent."""
    modules = _product_modules()
    ing = [path for path in modules if path.stem.endswith("ing")]
    assert len(ing) / len(modules) < MOST_ING_SHARE, ing


def test_no_sentence_has_a_word_that_none_uses() -> None:
    """Pages, docstrings, comments and texts of the product and its tests use the words that the glossary names."""
    words = _listed("Words that no sentence uses")
    assert "for ever" in words
    pattern = re.compile(rf"\b({'|'.join(words)})\b")
    pages = [
        path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")] if path.name != "glossary.md"
    ]
    modules = [path for path in _modules(*PRODUCT, "tests") if path != Path(__file__)]
    assert {
        str(path): found for path in (*pages, *modules) if (found := pattern.findall(_sentences(path)))
    } == {}


def test_no_folder_is_crowded() -> None:
    """A folder holds at most 14 modules beside each other."""
    modules = Counter(path.parent for path in _product_modules() if path.stem != "__init__")
    assert not [folder for folder, count in modules.items() if count > MOST_MODULES]


def test_no_module_is_long() -> None:
    """A module of the product or its tests has at most 350 lines."""
    modules = _modules(*PRODUCT, "tests")
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules}
    assert not [f"{path}: {length}" for path, length in lengths.items() if length > MOST_LINES]


def test_every_class_name_is_defined_once() -> None:
    """No two classes share a name, in the product or its tests. Generated code is exempt."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in _modules(*PRODUCT, "tests"):
        for name, line, is_class in _definitions(path):
            if is_class:
                places[name].append(f"{path.relative_to(ROOT)}:{line}")
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_every_logger_has_one_name() -> None:
    """A module's logger is `logger`, wherever it has one."""
    named = re.compile(r"^(\w+)(?:: [\w.]+)? = logging\.getLogger\(__name__\)", re.MULTILINE)
    names = {
        str(path.relative_to(ROOT)): found
        for path in _product_modules()
        if (found := named.findall(path.read_text(encoding="utf-8")))
    }
    assert len(names) > 50, "the loggers were not found"
    assert {path: found for path, found in names.items() if found != ["logger"]} == {}


@pytest.mark.parametrize("name", ["JobRowPage", "job_row_page", "_job_RowPage"])
def test_words_of_names(name: str) -> None:
    """Camel case and snake case split into the same words."""
    assert _words(name) == {"job", "row", "page"}
