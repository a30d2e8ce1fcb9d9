"""The web page in Chromium while 50 jobs progress ten times a second each: frames, long tasks, memory.

The page is the built one, served by the gateway (`make web`), and Chromium is the system's. Each minute the memory is
read after a garbage collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import uvloop
from playwright.sync_api import Page, expect

from tests.bench import lists, site
from tests.bench.figures import Aim, Figure, Result, percentile
from tests.bench.running_jobs import RUNNING, checkpoint_before_log, jobs_running
from tests.fixtures.chromium import chromium

STEPS_PER_SECOND = 10
"""Updates of each job."""
JOBS = 10_000
MINUTES, QUICK_MINUTES = 10, 1
IDLE_SECONDS = 20
MINUTE_MS = 60_000
LIMIT_MS = 60_000
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
    """What the page recorded in a time: milliseconds between frames, and those of long tasks."""

    gaps: Sequence[float]
    blocked_ms: float

    @property
    def per_second(self) -> float:
        """Frames of each second."""
        return 1000 * len(self.gaps) / sum(self.gaps)

    @property
    def blocked_share(self) -> float:
        """Percent of the time that tasks of more than 50 ms took."""
        return 100 * self.blocked_ms / sum(self.gaps)


def measure(quick: bool) -> Result:
    """Measure the dashboard without updates, then with them. Each part of the second lasts a minute."""
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
            idle = _frames(page, IDLE_SECONDS * 1000)
            with jobs_running(stack, target, url, steps_per_second=STEPS_PER_SECOND):
                page.reload()
                page.evaluate(RECORD)
                expect(page.get_by_label("Progress")).to_have_count(RUNNING, timeout=LIMIT_MS)
                heaps, parts = [_heap(page)], list[Frames]()
                for _ in range(QUICK_MINUTES if quick else MINUTES):
                    parts.append(_frames(page, MINUTE_MS))
                    heaps.append(_heap(page))
    return Result("web_page", "only reads", tuple(_figures(idle, parts, heaps)), _notes(heaps))


@contextmanager
def _dashboard(gateway: str) -> Iterator[Page]:
    """Yield the dashboard in a browser that records its frames."""
    with chromium() as browser:
        page = browser.new_page(base_url=gateway, locale="en-GB", viewport={"width": 1440, "height": 900})
        page.goto("/")
        expect(page.get_by_role("heading", name="Jobs per day")).to_be_visible(timeout=LIMIT_MS)
        page.evaluate(RECORD)
        yield page


def _frames(page: Page, milliseconds: float) -> Frames:
    page.evaluate(TAKE)
    page.wait_for_timeout(milliseconds)
    taken = page.evaluate(TAKE)
    return Frames(taken["gaps"], taken["blocked"])


def _heap(page: Page) -> float:
    """Return the used memory of the page's scripts after a garbage collection, in MB."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used: float = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return used / 1e6


def _figures(idle: Frames, parts: Sequence[Frames], heaps: Sequence[float]) -> Iterator[Figure]:
    live = Frames([gap for part in parts for gap in part.gaps], sum(part.blocked_ms for part in parts))
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
    half = len(heaps) // 2
    earlier, later = min(heaps[1 : half + 1]), min(heaps[half:])
    yield Figure(
        "heap, later half", "MB", later, floor=earlier, ratio=later / earlier, aim=Aim("ratio", "below", 1.1)
    )


def _notes(heaps: Sequence[float]) -> tuple[str, ...]:
    return (
        f"{RUNNING} jobs run and are shown, with {STEPS_PER_SECOND} updates a second each; "
        "the floor is the page without updates",
        "heap after each minute, in MB: " + ", ".join(f"{heap:.1f}" for heap in heaps),
    )
