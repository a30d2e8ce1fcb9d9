"""The web page without a mouse, without motion, and on a phone."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from kinolog_client import KinologClient
from tests.fixtures.web_pages import NEEDS_BROWSER, OpenPage, expect_live

pytestmark = NEEDS_BROWSER
MOST_TABS = 40
HAS_MARK = """() => {
  const at = document.activeElement;
  const isMarked = (box) => getComputedStyle(box).outlineStyle !== "none";
  return at.closest(".MuiInputBase-root.Mui-focused") !== null || isMarked(at.closest(".MuiButtonBase-root") ?? at);
}"""
"""Whether a person sees where the focus is: by the frame of a field, or by an outline."""
FOCUSED = "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"


def press_until(page: Page, key: str, name: str) -> list[str]:
    """Press a key until the focus is on what has this name. Return the names on the way."""
    names: list[str] = []
    while name not in names:
        assert len(names) < MOST_TABS, names
        page.keyboard.press(key)
        names.append(page.evaluate(FOCUSED).strip())
        assert page.evaluate(HAS_MARK), names
    return names


def test_a_job_by_keys_alone(page: Page, gateway: KinologClient) -> None:
    """A job is submitted and found again with keys alone. The focus goes from the top to the bottom, and is visible."""
    page.goto("/")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    expect_live(page)  # else a banner may take the focus
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("3")
    prompt = page.get_by_label("What happens in the video?")
    expect(prompt).to_be_visible()
    page.get_by_role("link", name="Generate").focus()
    names = press_until(page, "Tab", "Settings")
    assert names == ["Schedules", "Analytics", "Audit", "Settings"]
    page.keyboard.press("Tab")
    expect(prompt).to_be_focused()
    page.keyboard.type("a job made by keys")
    send = page.get_by_role("button", name="Make the video")
    press_until(page, "Tab", "Make the video")
    expect(send).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs/*")
    job = page.url.rsplit("/", 1)[1]
    page.keyboard.press("Control+k")
    palette = page.get_by_label("A page, or the id of a job")
    expect(palette).to_be_focused()
    page.keyboard.type("anal")
    page.keyboard.press("Enter")
    page.wait_for_url("**/analytics")
    page.keyboard.press("Control+k")
    expect(palette).to_be_focused()
    page.keyboard.type(job)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/jobs/{job}")
    expect(page.get_by_text("a job made by keys").first).to_be_visible()
    page.keyboard.press("/")
    search = page.get_by_label("Search prompts and ids")
    expect(search).to_be_focused()
    page.keyboard.type("made by keys 1")  # digits that one types open no page
    expect(search).to_have_value("made by keys 1")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    expect(page.locator("tbody a")).to_have_text(["a job made by keys"])
    assert gateway.status(job).prompt == "a job made by keys"


def test_on_a_phone(open_page: OpenPage) -> None:
    """At 390 pixels a menu has the pages, nothing is wider than the screen, and nothing moves if that is unwanted."""
    page = open_page(viewport={"width": 390, "height": 844}, reduced_motion="reduce", has_touch=True)
    page.goto("/")
    for name in ("Jobs", "Generate", "Analytics", "Audit", "Settings", "Dashboard"):
        page.get_by_role("button", name="Open the menu").tap()
        link = page.get_by_role("link", name=name, exact=True)
        expect(link).to_be_visible()
        assert page.evaluate(
            """document.getAnimations().every(({ effect }) => effect.getComputedTiming().duration < 1)"""
        )
        link.tap()
        expect(link).to_have_count(0)
        expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
