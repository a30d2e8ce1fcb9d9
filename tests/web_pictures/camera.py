"""Takes pictures of the web page in Chromium, at some widths, light and dark, in English and German."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.web_pictures.subjects import DESKTOP, PHONE, WIDTHS, Subject

SCHEMES = ("light", "dark")
HEIGHT = 900
"""The least height of a picture of a whole page."""
TALL = 6_000
"""Height of a window that shows every page whole, with its menu."""
LIMIT_MS = 60_000
SEEK = """Promise.all([...document.querySelectorAll("video[controls]:not([preload=none])")]
    .filter((video) => video.duration < Infinity)
    .map((video) => new Promise((done) => { video.onseeked = done; video.currentTime = video.duration / 4; })))"""
"""Shows a frame of each video that can be played and is whole."""
IS_DRAWN = """document.querySelector("main .MuiSkeleton-root") === null &&
    [...document.querySelectorAll("img, video")].every((each) =>
    each.complete || each.preload === "none" || each.readyState >= 2 ||
    each.getBoundingClientRect().top > innerHeight)"""


@dataclass(frozen=True, slots=True)
class PageLook:
    """A window that pages are taken in."""

    name: str
    width: int
    scheme: str
    language: str = "en-GB"
    height: int = HEIGHT


LOOKS = (
    *(PageLook(f"{width}-{scheme}", width, scheme) for scheme in SCHEMES for width in WIDTHS),
    *(PageLook(f"{width}-de", width, "light", language="de-DE") for width in (PHONE, DESKTOP)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PageCamera:
    """Takes pages of a kinolog."""

    browser: Browser
    url: str
    only: Collection[str] = ()
    """Names of the only subjects to take; empty for all."""

    def takes_any(self, subjects: Iterable[Subject]) -> bool:
        """Return whether any of these subjects is to be taken."""
        return any(not self.only or subject.name in self.only for subject in subjects)

    def take_all(self, subjects: Iterable[Subject], folder: Path, looks: Iterable[PageLook] = LOOKS) -> None:
        """Take each subject in every look that its widths have."""
        chosen = [subject for subject in subjects if not self.only or subject.name in self.only]
        folder.mkdir(parents=True, exist_ok=True)
        for look in looks:
            for subject in chosen:
                if look.width in subject.widths:
                    self.take(subject, folder / f"{subject.name}-{look.name}.png", look)

    def take(self, subject: Subject, file: Path, look: PageLook) -> None:
        """Take one page, once it has read what it shows, and its pictures are there."""
        context = self.browser.new_context(
            base_url=self.url,
            viewport={"width": look.width, "height": TALL if subject.is_whole else look.height},
            color_scheme="dark" if look.scheme == "dark" else "light",
            locale=look.language,
            reduced_motion="reduce",
            bypass_csp=True,  # the page's policy forbids what waits for it
        )
        context.set_default_timeout(LIMIT_MS)
        page = context.new_page()
        if subject.settings:
            choice = f'{{"state": {subject.settings}, "version": 1}}'
            page.add_init_script(f"localStorage.setItem('kinolog.settings', '{choice}')")
        page.on("pageerror", lambda error: print(f"{file.name}: {error}"))
        page.goto(subject.path)
        _await_content(page, subject)
        content = float(page.evaluate("document.querySelector('main').getBoundingClientRect().bottom"))
        height = max(look.height, content) if subject.is_whole else look.height
        page.screenshot(path=file, clip={"x": 0, "y": 0, "width": look.width, "height": height})
        context.close()


def _await_content(page: Page, subject: Subject) -> None:
    """Wait until a page shows what the picture is of."""
    page.locator("main :is(h1, .MuiAlert-root)").first.wait_for()
    if not subject.is_streamed:
        page.wait_for_load_state("networkidle")
    if subject.act is not None:
        subject.act(page)
    if subject.awaited:
        page.locator(subject.awaited).first.wait_for()
    page.wait_for_function(IS_DRAWN)
    page.evaluate(SEEK)
