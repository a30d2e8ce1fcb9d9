"""The examples of docs/examples.md, run as they stand against a running kinolog."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from kinolog_stack.stack import Stack

PAGE = Path(__file__).parents[2] / "docs/examples.md"
PROGRAMS = {
    "sh": ("bash", "-euo", "pipefail", "-c"),
    "js": ("node", "--experimental-websocket", "--experimental-eventsource", "--input-type=module", "-e"),
}
NEEDED = ("curl", "jq", "node", "buf")
LIMIT_SECONDS = 90


def _examples() -> dict[str, tuple[str, str]]:
    """Return language and code of each example by its heading."""
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        for language, code in re.findall(r"^```(\w+)\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
            found[section.partition("\n")[0]] = language, code
    return found


EXAMPLES = _examples()


def test_each_surface_has_an_example() -> None:
    """One example a section, in three languages."""
    assert len(EXAMPLES) == 6
    assert {language for language, _ in EXAMPLES.values()} == {*PROGRAMS, "python"}


@pytest.mark.parametrize("surface", EXAMPLES)
def test_an_example(
    surface: str,
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It ends without an error, what it follows has completed, and a video that it fetches is an MP4."""
    language, code = EXAMPLES[surface]
    code = code.replace("http://localhost:8085", stack.addresses["gateway"])
    code = code.replace("localhost:50051", stack.addresses["api"])
    assert "localhost" not in code
    monkeypatch.chdir(tmp_path)
    if language == "python":
        (tmp_path / "example.py").write_text(code, encoding="utf-8")
        runpy.run_path("example.py")
        printed = capsys.readouterr().out
    else:
        printed = _printed(language, code)
    assert "completed" in printed
    if "circle.mp4" in code:
        assert (tmp_path / "circle.mp4").read_bytes()[4:8] == b"ftyp"


def _printed(language: str, code: str) -> str:
    """Return what an example prints that another program runs."""
    command = [*PROGRAMS[language], code]
    for program in NEEDED:
        if re.search(rf"\b{program}\b", " ".join(command)) and not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.lower()
