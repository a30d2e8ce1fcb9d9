"""The web page in Chromium while 50 jobs progress ten times a second each: frames, work of its main thread, memory.

The page is the built one, served by the gateway (`make web`), and Chromium is the system's. Twice a minute the memory
is read after a garbage collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import uvloop
from playwright.sync_api import CDPSession, Page, expect

from tests.bench import lists, site
from tests.bench.figures import Aim, Figure, Result, percentile
from tests.bench.running_jobs import RUNNING, checkpoint_before_log, jobs_running
from tests.fixtures.chromium import chromium

STEPS_PER_SECOND = 10
"""Updates of each job."""
JOBS = 10_000
PARTS, QUICK_PARTS = 20, 2
PART_MS = 30_000
IDLE_MS = 20_000
LIMIT_MS = 60_000
MOST_WORK_MS = 250
"""Milliseconds of each second that the page's main thread may work."""
RECORD = """
() => {
  window.recorded = { gaps: [], blocked: 0 };
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.recorded.blocked += task.duration;
  }).observe({ type: "longtask" });
  let last = performance.now();
  const frame = (now) => {
    window.recorded.gaps.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
"""
TAKE = "() => { const taken = window.recorded; window.recorded = { gaps: [], blocked: 0 }; return taken; }"


@dataclass(frozen=True, slots=True)
class Frames:
    """What the page recorded in a time: milliseconds between frames, of long tasks, and of its main thread's work."""

    gaps: Sequence[float]
    blocked_ms: float
    worked_ms: float
    """Processor time, so that a busy machine does not count."""

    @property
    def per_second(self) -> float:
        """Frames of each second."""
        return 1000 * len(self.gaps) / sum(self.gaps)

    @property
    def blocked_share(self) -> float:
        """Percent of the time that tasks of more than 50 ms took."""
        return 100 * self.blocked_ms / sum(self.gaps)

    @property
    def work_per_second(self) -> float:
        """Milliseconds of work in each second."""
        return 1000 * self.worked_ms / sum(self.gaps)


@dataclass(frozen=True, slots=True)
class PageMemory:
    """What the page holds after a garbage collection."""

    heap: float
    """In MB."""
    nodes: float
    listeners: float


def measure(quick: bool) -> Result:
    """Measure the dashboard without updates, then with them, in parts of half a minute."""
    with site.running(set()) as stack, lists.stored_postgres() as server:
        name = f"seeded_{JOBS}"
        server.create_database(name, exist_ok=True)
        url = server.url(name)
        uvloop.run(lists.seed_database(url, JOBS))
        with (
            checkpoint_before_log(url),
            site.api_on(stack, url) as target,
            site.gateway_on(target) as gateway,
            _dashboard(gateway) as page,
        ):
            devtools = page.context.new_cdp_session(page)
            devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
            idle = _frames(page, devtools, IDLE_MS)
            with jobs_running(stack, target, url, steps_per_second=STEPS_PER_SECOND):
                page.reload()
                page.evaluate(RECORD)
                expect(page.get_by_label("Progress")).to_have_count(RUNNING, timeout=LIMIT_MS)
                memories, parts = [_memory(devtools)], list[Frames]()
                for _ in range(QUICK_PARTS if quick else PARTS):
                    parts.append(_frames(page, devtools, PART_MS))
                    memories.append(_memory(devtools))
    return Result("web_page", "only reads", tuple(_figures(idle, parts, memories)), _notes(memories))


@contextmanager
def _dashboard(gateway: str) -> Iterator[Page]:
    """Yield the dashboard in a browser that records its frames."""
    with chromium() as browser:
        page = browser.new_page(base_url=gateway, locale="en-GB", viewport={"width": 1440, "height": 900})
        page.goto("/")
        expect(page.get_by_role("heading", name="Jobs per day")).to_be_visible(timeout=LIMIT_MS)
        page.evaluate(RECORD)
        yield page


def _frames(page: Page, devtools: CDPSession, milliseconds: float) -> Frames:
    worked = _metrics(devtools)["TaskDuration"]
    page.evaluate(TAKE)
    page.wait_for_timeout(milliseconds)
    taken = page.evaluate(TAKE)
    return Frames(taken["gaps"], taken["blocked"], 1000 * (_metrics(devtools)["TaskDuration"] - worked))


def _metrics(devtools: CDPSession) -> dict[str, float]:
    return {each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]}


def _memory(devtools: CDPSession) -> PageMemory:
    devtools.send("HeapProfiler.collectGarbage")
    metrics = _metrics(devtools)
    return PageMemory(metrics["JSHeapUsedSize"] / 1e6, metrics["Nodes"], metrics["JSEventListeners"])


def _figures(idle: Frames, parts: Sequence[Frames], memories: Sequence[PageMemory]) -> Iterator[Figure]:
    live = Frames(
        [gap for part in parts for gap in part.gaps],
        sum(part.blocked_ms for part in parts),
        sum(part.worked_ms for part in parts),
    )
    yield Figure(
        "frames",
        "1/s",
        live.per_second,
        floor=idle.per_second,
        ratio=live.per_second / idle.per_second,
        aim=Aim("ratio", "at least", 0.95),
    )
    for share in (0.5, 0.99):
        ours, floor = percentile(live.gaps, share), percentile(idle.gaps, share)
        yield Figure(f"frame p{share * 100:.0f}", "ms", ours, floor=floor, ratio=ours / floor)
    yield Figure("long tasks", "%", live.blocked_share, floor=idle.blocked_share)
    yield Figure(
        "main thread",
        "ms/s",
        live.work_per_second,
        floor=idle.work_per_second,
        aim=Aim("value", "below", MOST_WORK_MS),
    )
    half = len(memories) // 2
    for name, unit in (("heap", "MB"), ("nodes", ""), ("listeners", "")):
        readings = [float(getattr(memory, name)) for memory in memories]
        earlier, later = min(readings[1 : half + 1]), min(readings[half:])
        yield Figure(
            f"{name}, later half",
            unit,
            later,
            floor=earlier,
            ratio=later / earlier,
            aim=Aim("ratio", "below", 1.1),
        )


def _notes(memories: Sequence[PageMemory]) -> tuple[str, ...]:
    return (
        f"{RUNNING} jobs run and are shown, with {STEPS_PER_SECOND} updates a second each; "
        "the floor is the page without updates",
        "the main thread's time is that of the processor, not of the clock",
        "heap after each half minute, in MB: " + ", ".join(f"{memory.heap:.1f}" for memory in memories),
    )
