"""The commands that pages show exist: programs, subcommands, options, targets of make, and modules."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kinolog_projector.app import COMMANDS as PROJECTOR_COMMANDS
from typer.core import TyperGroup
from typer.main import get_command

from kinolog_cli.app import app

ROOT = Path(__file__).parents[2]
ROOMS = (
    "",
    "src",
    "services/api",
    "services/worker",
    "services/projector",
    "services/gateway",
    "tui",
    "training",
)
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "training/README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PROGRAM = re.compile(r"(?:[A-Z_]+=\S+ )*(kinolog(?:-projector)?|make|python -m) [a-zA-Z-]")


def _shown(page: Path) -> Iterator[str]:
    """Yield the lines of the shell blocks of a page, and the code in its sentences."""
    text = page.read_text(encoding="utf-8")
    for language, block in _BLOCK.findall(text):
        if language == "sh":
            yield from block.splitlines()
    for code in re.findall(r"`([^`]+)`", _BLOCK.sub("", text)):
        yield " ".join(code.split())


def _commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of the commands of a page, without variables before them and redirections after them.

    A text with an ellipsis is a message.
    """
    for shown in _shown(page):
        match = _PROGRAM.match(shown)
        if match is None or "…" in shown:
            continue
        words = shlex.split(shown[match.start(1) :].removesuffix("\\"), comments=True)
        yield words[: next((i for i, word in enumerate(words) if word in ("|", ">", "&&")), None)]


def _problem(words: list[str]) -> str:
    """Return what is wrong with a command; empty if nothing is."""
    match words:
        case ["kinolog", *arguments]:
            return _problem_of_kinolog(arguments)
        case ["kinolog-projector", command, *_]:
            return "" if command in PROJECTOR_COMMANDS else "there is no such command"
        case ["make", *arguments]:
            targets = re.findall(
                r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
            )
            wanted = [argument for argument in arguments if "=" not in argument]
            return "" if set(wanted) <= set(targets) else "there is no such target"
        case ["python", "-m", "pytest", *paths]:
            return "" if all((ROOT / path).exists() for path in paths) else "there is no such file"
        case ["python", "-m", module, *_]:
            path = module.replace(".", "/")
            found = any(
                (ROOT / room / f"{path}{end}").exists() for room in ROOMS for end in (".py", "/__main__.py")
            )
            return "" if found else "there is no such module"
        case _:
            return f"not understood: {words}"


def _problem_of_kinolog(arguments: list[str]) -> str:
    """Return what is wrong with subcommands or options; empty if nothing is. A word in capitals is a placeholder."""
    command: Any = get_command(app)
    options = {"--help"}
    for word in arguments:
        options |= {name for parameter in command.params for name in parameter.opts}
        if word.startswith("-") and word != "-":
            if word not in options:
                return f"there is no option {word}"
        elif isinstance(command, TyperGroup) and not word.isupper():
            if word not in command.commands:
                return f"there is no command {word}"
            command = command.commands[word]
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page(page: Path) -> None:
    """Each command is one that a reader can type."""
    assert not [f"{' '.join(words)}: {problem}" for words in _commands(page) if (problem := _problem(words))]


def test_commands_are_found() -> None:
    """The pages for newcomers have commands, and wrong ones are noticed."""
    assert len(list(_commands(ROOT / "README.md"))) > 10
    for wrong in (
        "kinolog joobs",
        "kinolog jobs --no-such-option",
        "kinolog projections repair",
        "kinolog-projector reset",
        "make coffee",
        "python -m tests.nothing",
        "python -m pytest tests/nothing.py",
    ):
        assert _problem(wrong.split()), wrong
