"""What pictures of the web page show: the pages by name, each in a state that a person brings it to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from playwright.sync_api import Page, expect

PHONE, TABLET, DESKTOP = 390, 820, 1440
WIDTHS = (PHONE, TABLET, DESKTOP)
LONG_PROMPT = "a red circle moving right on a blue background, seen through heavy rain by an old fisherman"

Act = Callable[[Page], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A page in a state."""

    name: str
    path: str
    awaited: str = ""
    """Selector of what the page shows last."""
    act: Act | None = None
    """What a person does there before the picture is taken."""
    widths: Collection[int] = WIDTHS
    is_whole: bool = True
    """Whether the whole of the page is taken, and not what the window shows."""
    is_streamed: bool = False
    """Whether the page reads a video while it is rendered, so that the network is never idle."""
    settings: str = ""
    """Choices of the person, as the page keeps them: JSON."""


def pages(job: str | None = None) -> list[Subject]:
    """Return the pages, with those of a completed job if there is one."""
    found = [
        Subject(name="dashboard", path="/"),
        Subject(name="jobs", path="/jobs"),
        Subject(name="jobs-none", path="/jobs?text=nosuchword&priority=high", awaited="main button"),
        Subject(name="generate", path="/generate", awaited="main form"),
        Subject(name="generate-typed", path="/generate", act=_type_prompt),
        Subject(name="generate-wrong", path="/generate", act=_type_wrong),
        Subject(name="generate-repeated", path="/generate?start=repeated", awaited="main form"),
        Subject(name="schedules", path="/schedules", awaited="main h2"),
        Subject(name="analytics", path="/analytics"),
        Subject(name="audit", path="/audit"),
        Subject(name="audit-who", path="/audit?show=who"),
        Subject(name="audit-wrong", path="/audit?q=actor%3Dada+colour%3Dred", act=_open_fields),
        *(Subject(name=f"audit-{tab}", path=f"/audit?tab={tab}") for tab in ("past", "heads", "export")),
        Subject(name="settings", path="/settings"),
        Subject(name="palette", path="/settings", act=_open_palette, is_whole=False),
        Subject(name="menu", path="/settings", act=_open_menu, widths=(PHONE, TABLET), is_whole=False),
        Subject(name="missing", path="/settings", act=_miss_page, is_whole=False),
        Subject(name="mistyped", path="/jbos/today", is_whole=False),
        Subject(name="missing-job", path=f"/jobs/{'a' * 26}", is_whole=False),
        Subject(name="away", path="/settings", act=_lose_server, is_whole=False),
    ]
    if job is None:
        return found
    path = f"/jobs/{job}"
    return [
        *found,
        Subject(name="jobs-wall", path="/jobs?status=completed", settings='{"jobsView": "wall"}'),
        Subject(name="jobs-marked", path="/jobs?status=completed&priority=high", act=_mark_all),
        Subject(name="jobs-question", path="/jobs?status=completed", act=_ask_to_erase, is_whole=False),
        Subject(name="job", path=path, awaited="video[src]"),
        *(Subject(name=f"job-{tab}", path=f"{path}?tab={tab}") for tab in ("scenes", "log", "history")),
        Subject(name="job-record", path=f"{path}?tab=record", act=_verify),
        Subject(name="generate-scenes", path=f"/generate?from={job}", awaited="main section ol li"),
        Subject(name="audit-commit", path=f"/audit?q=job%3D{job}", act=_open_commit),
        Subject(name="audit-verify", path=f"/audit?job={job}", awaited="[role=tabpanel] .MuiAlert-root"),
    ]


def states(jobs: Mapping[str, str]) -> list[Subject]:
    """Return the pages of jobs by their states."""
    return [Subject(name=f"job-{state}", path=f"/jobs/{job}") for state, job in jobs.items()]


def working(running: str) -> list[Subject]:
    """Return the pages that are taken while jobs run and wait."""
    return [
        Subject(name="dashboard", path="/", awaited="main li img"),
        Subject(name="jobs", path="/jobs"),
        Subject(
            name="running",
            path=f"/jobs/{running}",
            awaited="main [role=tabpanel] :is(img, video)",
            is_streamed=True,
        ),
        Subject(name="running-scenes", path=f"/jobs/{running}?tab=scenes", awaited="main ol li"),
    ]


def keyed(key: str) -> list[Subject]:
    """Return pages of a kinolog that needs keys: without one, and with that of a person who manages them."""
    choice = f'{{"apiKey": "{key}"}}'
    return [
        Subject(name="no-key", path="/jobs", awaited="[aria-live] a", is_whole=False),
        Subject(name="no-key-settings", path="/settings", awaited="[aria-live] a"),
        Subject(name="keys", path="/settings", settings=choice, awaited="main ul li"),
        Subject(name="keys-made", path="/settings", settings=choice, act=_make_key),
    ]


def _open_palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.locator("[role=dialog] input").wait_for()


def _open_fields(page: Page) -> None:
    page.locator("[role=search] [role=alert]").wait_for()
    page.locator("[role=search] button[aria-expanded]").click()
    page.locator("[role=search] .MuiCollapse-entered dl").wait_for()


def _open_commit(page: Page) -> None:
    page.locator("[role=tabpanel] ol li button[aria-expanded]").first.click()
    page.locator("[role=tabpanel] ol li pre").first.wait_for()


def _miss_page(page: Page) -> None:
    page.evaluate("history.pushState(null, '', '/nothing'); dispatchEvent(new PopStateEvent('popstate'))")
    page.locator("main a[href$='/jobs']").wait_for()


def _open_menu(page: Page) -> None:
    page.locator("header button").first.click()
    page.locator("[role=presentation] nav").wait_for()


def _lose_server(page: Page) -> None:
    page.context.route("**/api/**", lambda route: route.abort())
    if page.locator("nav").count():
        page.locator('nav a[href$="/analytics"]').click()
    else:
        page.keyboard.press("5")
    page.locator("main .MuiAlert-root").first.wait_for()


def _type_prompt(page: Page) -> None:
    page.locator("form textarea").first.fill(LONG_PROMPT)
    page.locator("main section ol li").first.wait_for()
    page.locator("form button[aria-expanded]").click()
    page.locator("form .MuiCollapse-entered input").first.wait_for()


def _type_wrong(page: Page) -> None:
    page.locator("form input[inputmode=decimal]").first.fill("100000")
    page.locator("form button[type=submit]").click()
    expect(page.locator("form .Mui-error").first).to_be_visible()


def _mark_all(page: Page) -> None:
    page.locator("thead input[type=checkbox]").check()
    page.locator("main .MuiAlert-root").wait_for()


def _ask_to_erase(page: Page) -> None:
    page.locator("tbody input[type=checkbox]").last.check()  # the newest one is erased
    page.locator("main .MuiAlert-root .MuiButton-colorError").click()
    page.locator("[role=dialog]").wait_for()


def _verify(page: Page) -> None:
    page.locator("[role=tabpanel] button").first.click()
    page.locator("[role=tabpanel] .MuiAlert-root").wait_for()


def _make_key(page: Page) -> None:
    panel = page.locator("main section").last
    for place, text in enumerate(("ben", "ben's laptop")):
        panel.locator("input[type=text]").nth(place).fill(text)
    panel.locator("button.MuiButton-outlined").click()
    panel.locator(".MuiAlert-root").wait_for()
