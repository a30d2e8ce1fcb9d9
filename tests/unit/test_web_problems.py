"""The sentences of the web page for codes of the server: none that it can meet has no German."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "web" / "src" / "i18n" / "de" / "problems.ts"
SOURCES = (
    *(ROOT / "services" / "api" / "kinolog_api").rglob("*.py"),
    *(ROOT / "services" / "gateway" / "kinolog_gateway" / "http").rglob("*.py"),
    *(ROOT / "services" / "gateway" / "kinolog_gateway" / "routes").rglob("*.py"),
    ROOT / "src" / "kinolog" / "job" / "decide.py",
    ROOT / "src" / "kinolog" / "command_handler.py",
)
CODE = re.compile(r"[A-Z]+(_[A-Z]+)*")
REASON_ARGUMENTS = {
    "RpcError": 1,
    "HttpProblemError": 1,
    "invalid_argument": 1,
    "make_problem": 1,
    "Refused": 0,
    "KeyRefused": 0,
    "_unavailable": 0,
}
"""Which argument of these calls is the code of a problem."""
UNMET = {
    # Events that clients of the api make for it, and commands that the page does not send.
    *("JOB_NOT_ERASED", "NO_SUCH_SCENE", "NOT_CANCELLED", "NOT_YET", "PAUSED"),
    # Requests for webhooks, which the page does not make, certificates of erasures, and proofs of reads.
    *("TOO_MANY_WEBHOOKS", "WEBHOOK_NOT_FOUND", "WEBHOOK_OF_JOBS", "WEBHOOK_SWITCHED_OFF"),
    *("DELIVERY_NOT_FOUND", "ERASURE_NOT_FOUND", "READS_NOT_FOUND"),
    # Parts of files and live videos, which the page goes on with by itself.
    *("OFFSET_AHEAD", "RANGE_NOT_SATISFIABLE", "NO_LIVE_VIDEO", "LIVE_VIDEO_CHANGED", "LIVE_VIDEO_NOT_BEGUN"),
    # Connections and links, which it renews.
    *("TICKET_REFUSED", "TICKET_TOO_NARROW", "WATCHER_TOO_SLOW"),
    # It says itself whether it has a key.
    "KEY_REQUIRED",
}


def _reasons(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        place = REASON_ARGUMENTS.get(node.func.id)
        if place is not None and len(node.args) > place:
            argument = node.args[place]
            for part in ast.walk(argument):
                if isinstance(part, ast.Constant) and CODE.fullmatch(str(part.value)):
                    yield str(part.value)


def _german() -> set[str]:
    return set(re.findall(r"^  ([A-Z_]+): \"", TABLE.read_text(encoding="utf-8"), re.MULTILINE))


def test_every_problem_that_the_page_can_meet_has_german() -> None:
    """A code without a line there would be told in English alone."""
    reasons = {reason for source in SOURCES for reason in _reasons(source)}
    assert len(reasons) > 60, reasons
    assert reasons - _german() - UNMET == set()
    assert reasons >= UNMET, UNMET - reasons


def test_no_sentence_is_for_a_code_that_there_is_not() -> None:
    """A code that is spelled otherwise than the server does would never be shown."""
    words = set(re.findall(r"[A-Z_]{4,}", "\n".join(each.read_text(encoding="utf-8") for each in SOURCES)))
    assert _german() - words == set()
