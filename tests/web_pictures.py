"""Take pictures of the web page in Chromium: python -m tests.web_pictures LIBFAKETIME [FOLDER].

It runs a week of work as `tests.snapshot.week` does, and a kinolog without a job. It takes every page of both, at the
widths of a phone, a tablet and a desktop, light and dark, into a folder: build/web_pictures by default. Four of them
become those of the documentation. LIBFAKETIME is the path of libfaketime.so.1 (Debian: libfaketime). An address in its
place is that of a running kinolog, whose pages it takes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from playwright.sync_api import Browser

from tests.fixtures.chromium import chromium
from tests.fixtures.servers import temporary_folder
from tests.fixtures.waits import wait_until
from tests.fixtures.whole_stack import whole_stack
from tests.snapshot.week import week

ROOT = Path(__file__).parents[1]
WIDTHS = (390, 820, 1440)
SCHEMES = ("light", "dark")
HEIGHT = 900
"""The least height of a picture of a whole page."""

TALL = 6_000
"""Height of a window that shows every page whole, with its menu."""

DOCUMENTED = {"dashboard": "light", "jobs-wall": "light", "job": "dark", "generate-scenes": "light"}
"""Pages that the documentation shows, and in which scheme."""
DOCUMENTED_SIZE = (1200, 960)
LIMIT_MS = 60_000
ENDED = ("completed", "failed", "cancelled")
SEEK = """Promise.all([...document.querySelectorAll("video[controls]:not([preload=none])")].map((video) =>
    new Promise((done) => { video.onseeked = done; video.currentTime = video.duration / 4; })))"""
"""Shows a frame of each video that can be played."""

IS_DRAWN = """document.querySelector("main .MuiSkeleton-root") === null &&
    [...document.querySelectorAll("img, video")].every((each) =>
    each.complete || each.preload === "none" || each.readyState >= 2 ||
    each.getBoundingClientRect().top > innerHeight)"""
MOST_SECONDS = 1_800
"""Longer than the work of a picture takes on a slow machine."""

AWAITED = {
    "dashboard": "main li img",
    "running": "main [role=tabpanel] img",
    "generate-scenes": "main section ol li",
}
"""What pages show last: the picture so far of a running job, and the scenes of a plan."""

WORKING = ("dashboard", "jobs", "running")
"""Pages that are taken while jobs run and wait."""

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


def main(source: str, folder: Path) -> None:
    """Take every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        if source.startswith("http"):
            take_pages(browser, source, paths_of(source), folder)
            return
        with week(source) as stack:
            url = stack.addresses["gateway"]
            take_documented(browser, url)
            take_pages(browser, url, paths_of(url), folder / "full", has_work=True)
        with temporary_folder() as data, whole_stack(data / "data") as stack:
            url = stack.addresses["gateway"]
            take_pages(browser, url, paths_of(url), folder / "empty")


@contextmanager
def work(url: str) -> Iterator[str]:
    """Let a job run for long, and have jobs wait that are hard to lay out. Yield the page of the one; cancel all."""
    with httpx.Client(base_url=url, timeout=60) as http:
        running = _submit(
            http, prompt=LONG_STORY, shots="auto", duration=16.0, steps=100, priority="critical"
        )
        jobs = [running, *(_submit(http, prompt=words, priority="low") for words in WORDS)]
        _wait(http, running, lambda job: job["status"] == "processing")
        yield f"/jobs/{running}"
        http.post("/api/v1/bulk", json={"action": "cancel", "job_ids": jobs}).raise_for_status()
        _wait(http, running, lambda job: job["status"] in ENDED)


def paths_of(url: str) -> dict[str, str]:
    """Return the pages by name. Those of a job are of the newest completed one with the most scenes."""
    query: dict[str, str | int] = {"status": "completed", "limit": 50}
    with httpx.Client(base_url=url, timeout=60) as http:
        jobs = http.get("/api/v1/jobs", params=query).raise_for_status().json()["jobs"]
    paths = {
        "dashboard": "/",
        "jobs": "/jobs",
        "generate": "/generate",
        "analytics": "/analytics",
        "settings": "/settings",
    }
    if not jobs:
        return paths
    job = f"/jobs/{max(jobs, key=lambda job: int(job['scenes']))['job_id']}"
    tabs = {f"job-{tab}": f"{job}?tab={tab}" for tab in ("scenes", "log", "history", "record")}
    again = {"generate-scenes": f"/generate?from={job.removeprefix('/jobs/')}"}
    return paths | {"jobs-wall": "/jobs?status=completed", "job": job} | tabs | again


@dataclass(frozen=True, slots=True)
class PageLook:
    """A window that pages are taken in."""

    name: str
    width: int
    scheme: str
    language: str = "en-GB"
    height: int = HEIGHT
    is_whole: bool = True
    """Whether the whole of a page is taken, and not what the window shows."""


LOOKS = (
    *(PageLook(f"{width}-{scheme}", width, scheme) for scheme in SCHEMES for width in WIDTHS),
    PageLook("de", WIDTHS[0], "light", language="de-DE"),
)


def take_pages(
    browser: Browser, url: str, paths: Mapping[str, str], folder: Path, *, has_work: bool = False
) -> None:
    """Take each page in every look. With `has_work`, jobs run and wait while some of the pages are taken."""
    folder.mkdir(parents=True, exist_ok=True)
    for look in LOOKS:
        pages = dict(paths)
        if has_work:
            with work(url) as running:
                for name in WORKING:
                    path = running if name == "running" else pages.pop(name)
                    file = folder / f"{name}-{look.name}.png"
                    _take(browser, url, name, path, file, look, awaited=AWAITED.get(name, ""))
        for name, path in pages.items():
            awaited = "" if name in WORKING else AWAITED.get(name, "")
            _take(browser, url, name, path, folder / f"{name}-{look.name}.png", look, awaited=awaited)


def take_documented(browser: Browser, url: str) -> None:
    """Take the pictures of the documentation, each as high as a window."""
    with httpx.Client(base_url=url, timeout=60) as http:
        story = _submit(http, prompt=STORY, shots="auto", duration=6.0, steps=20, size="256x256", seed=3)
        _wait(http, story, lambda job: job["status"] in ENDED)
        for prompt in WORK:
            _submit(http, prompt=prompt, duration=4.0, steps=100, seed=7)
    paths = paths_of(url)
    for name, scheme in DOCUMENTED.items():
        file = ROOT / f"docs/images/web-{name}.png"
        width, height = DOCUMENTED_SIZE
        look = PageLook(name, width, scheme, height=height, is_whole=False)
        _take(browser, url, name, paths[name], file, look, awaited=AWAITED.get(name, ""))
        Image.open(file).save(file.with_suffix(".webp"), lossless=True, method=6)
        file.unlink()


def _take(
    browser: Browser, url: str, name: str, path: str, file: Path, look: PageLook, *, awaited: str = ""
) -> None:
    """Take one page, once it has read what it shows, its pictures are there, and `awaited`, a selector, is shown."""
    context = browser.new_context(
        base_url=url,
        viewport={"width": look.width, "height": TALL if look.is_whole else look.height},
        color_scheme="dark" if look.scheme == "dark" else "light",
        locale=look.language,
        reduced_motion="reduce",
        bypass_csp=True,  # the page's policy forbids what waits for it
    )
    context.set_default_timeout(LIMIT_MS)
    page = context.new_page()
    if name == "jobs-wall":
        choice = '{"state": {"jobsView": "wall"}, "version": 1}'
        page.add_init_script(f"localStorage.setItem('kinolog.settings', '{choice}')")
    page.on("pageerror", lambda error: print(f"{file.name}: {error}"))
    page.goto(path)
    page.locator("main h1").first.wait_for()
    page.wait_for_load_state("networkidle")
    if awaited:
        page.locator(awaited).first.wait_for()
    page.wait_for_function(IS_DRAWN)
    page.evaluate(SEEK)
    content = float(page.evaluate("document.querySelector('main').getBoundingClientRect().bottom"))
    height = max(look.height, content) if look.is_whole else look.height
    page.screenshot(path=file, clip={"x": 0, "y": 0, "width": look.width, "height": height})
    context.close()


def _submit(http: httpx.Client, **fields: object) -> str:
    """Submit a job. Return its id."""
    return str(http.post("/api/v1/generate", json=fields).raise_for_status().json()["job_id"])


def _wait(http: httpx.Client, job_id: str, is_reached: Callable[[dict[str, Any]], bool]) -> None:
    """Wait until a job has reached a state."""

    def read() -> dict[str, Any]:
        found: dict[str, Any] = http.get(f"/api/v1/status/{job_id}").raise_for_status().json()
        return found

    wait_until(read, "the work of a picture", is_reached, MOST_SECONDS, every=0.3)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "build/web_pictures")
