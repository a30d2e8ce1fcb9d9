"""Compares everything again and again while this process leads, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from kinolog.ports.clock import Clock
from kinolog.process.logs import fields
from kinolog.process.probe import Metric
from kinolog.process.problem_alarm import ProblemAlarm
from kinolog_projector.projection.writer import BatchWriter

logger = logging.getLogger(__name__)

FIRST_SECONDS = 60.0
"""Pause after the start before the first comparison."""
PROGRAM = (sys.executable, "-P", "-m", "kinolog_projector", "verify-all", "--json", "--gently")


class VerifyAlarm(ProblemAlarm):
    """The alarm about what a comparison of everything has found. What differs is for operators."""

    def text(self, problem: str) -> str:
        """Say what it means."""
        return "What is stored does not match. Jobs go on. kinolog doctor says what differs"

    def details(self, problem: str) -> str:
        """Say what differs."""
        return problem


class VerifySchedule:
    """Runs the program that compares everything, at an interval. None for never."""

    def __init__(
        self,
        every: timedelta | None,
        alarm: ProblemAlarm,
        clock: Clock,
        program: Sequence[str] = PROGRAM,
        first_seconds: float = FIRST_SECONDS,
    ) -> None:
        self._every = every
        self._alarm = alarm
        self._clock = clock
        self._program = program
        self._first_seconds = first_seconds
        self._last: dict[str, Any] = {}
        self.is_running = False
        """Whether a comparison goes on."""
        self._ended = 0.0

    def metrics(self) -> list[Metric]:
        """Return the metrics of the probe: of the last comparison, if there was one."""
        if not self._last:
            return []
        return [
            Metric(
                name="kinolog_verify_holds",
                value=int(self._last["holds"]),
                help="Whether the last comparison of everything found no difference.",
            ),
            Metric(
                name="kinolog_verify_commits",
                value=int(self._last["position"]),
                help="Commits that the last comparison of everything covered.",
            ),
            Metric(
                name="kinolog_verify_seconds",
                value=float(self._last["seconds"]),
                help="How long the last comparison of everything took.",
            ),
            Metric(
                name="kinolog_verify_end_seconds",
                value=self._ended,
                help="When the last comparison of everything ended, in seconds since 1970.",
            ),
        ]

    async def run(self, writer: BatchWriter, caught_up: asyncio.Event) -> None:
        """Compare at the interval until cancelled."""
        if self._every is None:
            return
        await caught_up.wait()
        await asyncio.sleep(self._first_seconds)
        while True:
            await self.compare()
            await asyncio.sleep(self._every.total_seconds())

    async def compare(self) -> None:
        """Compare once. A comparison that cannot be made leaves the alarm as it is."""
        process = await asyncio.create_subprocess_exec(
            *self._program,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self.is_running = True
        try:
            output, errors = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        finally:
            self.is_running = False
        try:
            found = json.loads(output)
            holds, differences = bool(found["holds"]), list(found["differences"])
        except (ValueError, KeyError, TypeError):
            reason = errors.decode(errors="replace").strip().splitlines()[-1:] or [
                f"exit status {process.returncode}"
            ]
            logger.warning(
                "the comparison of everything ended early: %s", reason[0], extra=fields("verify_failed")
            )
            return
        self._last, self._ended = found, self._clock().timestamp()
        log = logger.info if holds else logger.error
        log(
            "everything was compared up to position %s in %.1f s: %s",
            found["position"],
            found["seconds"],
            "nothing differs" if holds else "; ".join(differences),
            extra=fields("verified", holds=holds, position=found["position"], differences=len(differences)),
        )
        await self._alarm.update("; ".join(differences))
