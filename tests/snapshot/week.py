"""Record a week of work for the pictures of the documentation: python -m tests.snapshot.week LIBFAKETIME.

It runs a whole kinolog whose services have a clock that is set back by a week. It moves this clock on from hour to
hour and submits jobs as people would, until the clock is right. Then it records, as `record` does. Every number is one
that kinolog counted. LIBFAKETIME is the path of libfaketime.so.1 (Debian: libfaketime).
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import httpx

from kinolog_stack import environment
from kinolog_stack.stack import Stack
from tests.fixtures.servers import temporary_folder
from tests.fixtures.whole_stack import whole_stack
from tests.renderers.testcard import RENDERER
from tests.snapshot import record

FOLDER = Path(__file__).parent / "week"
DAYS, HOURS = 7, (10, 6, 2)
"""Days of the week, and how many hours before the hour of now jobs are submitted on each."""
COLOURS = ("red", "green", "blue", "yellow", "white")
SHAPES = ("circle", "square", "triangle", "star", "ring")
MOTIONS = ("moving right", "moving up", "bouncing", "turning slowly", "growing", "moving up, then fading out")
GROUNDS = ("a blue background", "grey", "white", "black", "a purple background")
PRIORITIES = ("low", "medium", "medium", "medium", "high", "critical")
WAIT_SECONDS = 0.3
CATALOGUE = f"""
default = "kinolog-tiny"

[[models]]
name = "strict-card"
source = "card"
model_class = "strict-card"
renderer = "{RENDERER}"
[models.defaults]
width = 64
height = 64
frames = 9
fps = 8
steps = 4
[models.options]
fail_at_step = 2
"""
"""A second model, whose every job fails."""


def main(faketime: str) -> None:
    """Run a week, and record its end."""
    with week(faketime) as stack:
        FOLDER.mkdir(exist_ok=True)
        record.main(stack.addresses["gateway"], FOLDER)


@contextmanager
def week(faketime: str) -> Iterator[Stack]:
    """Run a kinolog for the duration of the block that has a week of work behind it."""
    with temporary_folder() as folder:
        clock = folder / "clock"
        _set_back(clock, DAYS * 24)
        catalogue = folder / "models.toml"
        catalogue.write_text(CATALOGUE, encoding="utf-8")
        env = {
            "KINOLOG_CATALOGUE": str(catalogue),
            "LD_PRELOAD": faketime,
            "KINOLOG_SIGNING": "false",  # a certificate of today is not valid in the past
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_DISABLE_SHM": "1",
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        servers = tuple(name for name in environment.SERVER_VARIABLES if name != "LD_PRELOAD")
        with (
            patch.object(environment, "SERVER_VARIABLES", servers),  # NATS and Postgres have the right clock
            whole_stack(folder / "data", env=env) as stack,
        ):
            with httpx.Client(base_url=stack.addresses["gateway"], timeout=60) as http:
                _work(http, clock)
            yield stack


def _work(http: httpx.Client, clock: Path) -> None:
    """Submit the jobs of a week. Fewer on two of its days."""
    chance = random.Random(11)  # the same prompts at every recording
    for day in range(DAYS - 1, -1, -1):
        for hour in HOURS:
            _set_back(clock, day * 24 + hour)
            _wait_until_read(http, day * 24 + hour)
            jobs = chance.choice((0, 2, 3, 5) if day in (1, 2) else (2, 4, 6, 7, 9))
            made = [_submit(http, chance) for _ in range(jobs)]
            if made and chance.random() < 0.25:
                http.post(f"/api/v1/cancel/{made[-1][0]}", json={"reason": "another one is better"})
            _wait_until_idle(http, max((position for _, position in made), default=0))
    _set_back(clock, 0)
    _wait_until_read(http, 0)


def _set_back(clock: Path, hours: int) -> None:
    """Set the clock of the services back. They read it whenever they need the time."""
    new = clock.with_suffix(".new")
    new.write_text(f"-{hours * 3600}\n" if hours else "+0\n", encoding="utf-8")
    new.replace(clock)


def _wait_until_read(http: httpx.Client, hours: int) -> None:
    """Wait until the worker reports the time that the clock was set to."""
    while True:
        workers = http.get("/api/v1/workers").raise_for_status().json()["workers"]
        expected = datetime.now(UTC) - timedelta(hours=hours)
        seen = [datetime.fromisoformat(worker["seen_at"]) for worker in workers if worker["seen_at"]]
        if seen and all(abs(at - expected) < timedelta(minutes=2) for at in seen):
            return
        time.sleep(WAIT_SECONDS)


def _submit(http: httpx.Client, chance: random.Random) -> tuple[str, int]:
    """Submit a job. Return its id and its position in the log."""
    colour, shape, motion, ground = (chance.choice(words) for words in (COLOURS, SHAPES, MOTIONS, GROUNDS))
    failing = chance.random() < 0.05
    body = {
        "prompt": f"a {colour} {shape} {motion} on {ground}",
        "priority": chance.choice(PRIORITIES),
        "duration": chance.choice((1.0, 2.0, 3.0)),
        "steps": chance.choice((4, 6, 8)),
        "size": chance.choice(("64x64", "128x128")),
        "style": chance.choice((None, None, "cinematic", "noir")),
        **({"model": "strict-card", "max_attempts": 1} if failing else {}),
    }
    body = {name: value for name, value in body.items() if value is not None}
    job = http.post("/api/v1/generate", json=body).raise_for_status().json()
    return str(job["job_id"]), int(job["position"])


def _wait_until_idle(http: httpx.Client, position: int) -> None:
    """Wait until no job runs or waits, in counts that contain the commits up to a position."""
    query = {"min_position": position}
    while True:
        counts = http.get("/api/v1/analytics/status-distribution", params=query).raise_for_status().json()
        if not counts["queued"] + counts["processing"]:
            return
        time.sleep(WAIT_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1])
