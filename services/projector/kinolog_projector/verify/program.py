"""The program that compares everything, as a process of its own: its progress, and its result as a fact."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from kinolog.access.verification import ComparedPart, Verification, VerificationEnded

PROGRAM = (sys.executable, "-P", "-m", "kinolog_projector", "verify-all", "--json", "--gently", "--progress")
LINE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressOfComparison:
    """How far a comparison is."""

    commits: int
    all_commits: int
    jobs: int


ReportProgress: TypeAlias = Callable[[ProgressOfComparison], Awaitable[None]]


class VerifyProgram:
    """Runs the program. It prints lines of JSON: how far it is, and last what it found."""

    def __init__(self, program: Sequence[str] = PROGRAM) -> None:
        self._program = program
        self.is_running = False

    async def run(self, verification: Verification, report: ReportProgress) -> VerificationEnded:
        """Compare everything. A comparison that cannot be made says why. The program ends with a cancelled call."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(*self._program, "--files", verification.files.value),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LINE_BYTES,
            )
        except OSError as error:
            return _failed(verification, f"the program does not start: {error.strerror or error}")
        self.is_running = True
        try:
            found, errors = await asyncio.gather(_result(process, report), _errors(process))
            await process.wait()
        finally:
            self.is_running = False
            if process.returncode is None:
                process.kill()
                await process.wait()
        ended = _ended(verification, found)
        return ended or _failed(verification, errors or f"exit status {process.returncode}")


async def _result(process: asyncio.subprocess.Process, report: ReportProgress) -> Any:
    """Return the last line of a program that is no progress, which is reported."""
    found: Any = None
    async for line in cast(asyncio.StreamReader, process.stdout):  # it is a pipe
        try:
            facts = json.loads(line)
            progress = ProgressOfComparison(**facts["progress"])
        except KeyError:
            found = facts
        except (ValueError, TypeError):
            continue
        else:
            await report(progress)
    return found


async def _errors(process: asyncio.subprocess.Process) -> str:
    """Return the last line of the errors that a program prints."""
    errors = cast(asyncio.StreamReader, process.stderr)
    lines = (await errors.read()).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _ended(verification: Verification, found: Any) -> VerificationEnded | None:
    """Return what the program found; None if it printed no result."""
    try:
        return VerificationEnded(
            verification_id=verification.verification_id,
            position=int(found["position"]),
            seconds=float(found["seconds"]),
            parts=tuple(map(_part, found["parts"])),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _part(facts: Mapping[str, Any]) -> ComparedPart:
    return ComparedPart(
        name=str(facts["name"]),
        count=int(facts["count"]),
        unit=str(facts["unit"]),
        holds=bool(facts["holds"]),
        position=int(facts["position"] or 0),
        job_id=str(facts["job_id"] or ""),
        detail=str(facts["detail"]),
    )


def _failed(verification: Verification, reason: str) -> VerificationEnded:
    return VerificationEnded(verification_id=verification.verification_id, failure=reason)
