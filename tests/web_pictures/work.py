"""The jobs that pictures of the web page show, beside those of the week."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.fixtures.waits import wait_until

ENDED = ("completed", "failed", "cancelled")
MOST_SECONDS = 1_800
"""Longer than the work of a picture takes on a slow machine."""

STORY = (
    "Scene 1: a yellow star rises on a black background. Scene 2: a green square turns on a white background. "
    "Scene 3: a red ring grows on a purple background."
)
LONG_STORY = " ".join(
    f"Scene {number}: a {colour} {shape} turns slowly on a {ground} background."
    for number, (colour, shape, ground) in enumerate(
        (
            ("yellow", "star", "black"),
            ("green", "square", "white"),
            ("red", "ring", "purple"),
            ("blue", "circle", "grey"),
            ("white", "triangle", "blue"),
            ("red", "star", "white"),
            ("yellow", "ring", "black"),
            ("green", "circle", "grey"),
        ),
        start=1,
    )
)
WORK = (
    "a white ring moving right on a purple background",
    "a red star turning slowly on a white background",
    "a yellow circle bouncing on a black background",
    "a green triangle growing on grey",
)
WORDS = (
    "一个红色的圆在蓝色背景上向右移动，然后一个绿色的方块慢慢旋转",
    "دائرة حمراء تتحرك إلى اليمين على خلفية زرقاء",
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverleihung" * 3,
    "a red circle moving right, then up, then left, then down, then turning slowly on a blue background, "
    * 20,
)
"""Prompts that are hard to lay out."""
MOST_PERCENT = 40
"""A job that has got further may end before the pictures of it are taken."""
STATES = ("failed", "cancelled", "erased", "waiting", "variants")
"""Jobs that do not run, beside a completed one, whose pages are taken."""


class LongWork:
    """Jobs that render for long, one after another, while others wait that are hard to lay out."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._running = ""
        self._waiting: list[str] = []

    def running(self) -> str:
        """Return the id of a job that runs and has most of its work before it."""
        if self._running and self._percent() < MOST_PERCENT:
            return self._running
        before = self._running
        self._running = submit(
            self._http, prompt=LONG_STORY, shots="auto", duration=48.0, steps=100, priority="critical"
        )
        if before:
            self._cancel([before])
        else:
            self._waiting = [submit(self._http, prompt=words, priority="low") for words in WORDS]
        wait(self._http, self._running, lambda job: job["status"] == "processing")
        return self._running

    def end(self) -> None:
        """Cancel all."""
        self._cancel([self._running, *self._waiting])
        wait(self._http, self._running, lambda job: job["status"] in ENDED)

    def _percent(self) -> float:
        job = self._http.get(f"/api/v1/status/{self._running}").raise_for_status().json()
        return 100 if job["status"] in ENDED else float(job["percent"])

    def _cancel(self, jobs: list[str]) -> None:
        self._http.post("/api/v1/bulk", json={"action": "cancel", "job_ids": jobs}).raise_for_status()


@contextmanager
def long_work(url: str) -> Iterator[LongWork]:
    """Have jobs run and wait for the duration of the block, from the first call of `running` on."""
    with httpx.Client(base_url=url, timeout=60) as http:
        work = LongWork(http)
        yield work
        work.end()


@contextmanager
def jobs_by_state(url: str) -> Iterator[dict[str, str]]:
    """Yield the ids of a job of each of `STATES`, of those that there are, and otherwise new ones."""
    with httpx.Client(base_url=url, timeout=60) as http:
        found = {state: _newest(http, state) for state in ("failed", "cancelled")}
        erased = submit(http, prompt=WORK[0], duration=1.0)
        wait(http, erased, lambda job: job["status"] in ENDED)
        http.post("/api/v1/bulk", json={"action": "erase", "job_ids": [erased]}).raise_for_status()
        wait(http, erased, lambda job: job["erased"])
        start = datetime.now(UTC) + timedelta(days=2)
        waiting = submit(http, prompt=WORK[1], start_after=start.isoformat())
        request = {"prompt": WORK[3], "duration": 1.0, "variants": 3}
        made = http.post("/api/v1/generate", json=request).raise_for_status().json()
        for variant in made["variants"]:
            wait(http, variant["job_id"], lambda job: job["status"] in ENDED)
        found |= {"erased": erased, "waiting": waiting, "variants": made["job_id"]}
        yield {state: job_id for state, job_id in found.items() if job_id is not None}
        http.post(f"/api/v1/cancel/{waiting}").raise_for_status()


@contextmanager
def schedules(url: str) -> Iterator[None]:
    """Have a schedule that submits jobs and one that is paused."""
    daily = {
        "name": "morning clip",
        "cron": "30 7 * * *",
        "zone": "Europe/Berlin",
        "job": {"prompt": WORK[0]},
    }
    other = {
        "name": WORDS[2][:64],
        "cron": "*/20 6-9 1,15 * *",
        "catch_up": True,
        "job": {"prompt": WORDS[3]},
    }
    with httpx.Client(base_url=url, timeout=60) as http:
        made = [
            http.post("/api/v1/schedules", json=fields).raise_for_status().json()["schedule_id"]
            for fields in (daily, other)
        ]
        http.post(f"/api/v1/schedules/{made[1]}/pause").raise_for_status()
        yield
        for schedule_id in made:
            http.delete(f"/api/v1/schedules/{schedule_id}").raise_for_status()


def make_documented(url: str) -> None:
    """Make the video that the documentation shows, and let others run."""
    with httpx.Client(base_url=url, timeout=60) as http:
        story = submit(http, prompt=STORY, shots="auto", duration=6.0, steps=20, size="256x256", seed=3)
        wait(http, story, lambda job: job["status"] in ENDED)
        for prompt in WORK:
            submit(http, prompt=prompt, duration=4.0, steps=100, seed=7)


def longest_job(url: str) -> str | None:
    """Return the id of the newest completed job with the most scenes; None without a completed job."""
    query: dict[str, str | int] = {"status": "completed", "limit": 50}
    with httpx.Client(base_url=url, timeout=60) as http:
        jobs = http.get("/api/v1/jobs", params=query).raise_for_status().json()["jobs"]
    return str(max(jobs, key=lambda job: int(job["scenes"]))["job_id"]) if jobs else None


def _newest(http: httpx.Client, status: str) -> str | None:
    """Return the id of the newest job of a status; None if there is none."""
    jobs = http.get("/api/v1/jobs", params={"status": status, "limit": 1}).raise_for_status().json()["jobs"]
    return str(jobs[0]["job_id"]) if jobs else None


def submit(http: httpx.Client, **fields: object) -> str:
    """Submit a job. Return its id."""
    return str(http.post("/api/v1/generate", json=fields).raise_for_status().json()["job_id"])


def wait(http: httpx.Client, job_id: str, is_reached: Callable[[dict[str, Any]], bool]) -> None:
    """Wait until a job has reached a state."""

    def read() -> dict[str, Any]:
        found: dict[str, Any] = http.get(f"/api/v1/status/{job_id}").raise_for_status().json()
        return found

    wait_until(read, "the work of a picture", is_reached, MOST_SECONDS, every=0.3)
