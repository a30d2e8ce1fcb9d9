"""Take pictures of the web page in Chromium: python -m tests.web_pictures LIBFAKETIME [--folder F] [--only NAME ...].

It runs a week of work as `tests.snapshot.week` does, with and without keys, and a kinolog without a job. It takes every
page of them, at the widths of a phone, a tablet and a desktop, light and dark, and in German, into a folder:
build/web_pictures by default. Four of them become those of the documentation. LIBFAKETIME is the path of
libfaketime.so.1 (Debian: libfaketime). An address in its place is that of a running kinolog, whose pages it takes
without those of its keys.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from kinolog_client import KinologClient
from kinolog_stack.stack import Stack
from tests.fixtures.chromium import chromium
from tests.fixtures.servers import temporary_folder
from tests.fixtures.waits import wait_until
from tests.fixtures.web_servers import api_beside, gateway_before, knows_key
from tests.fixtures.whole_stack import whole_stack
from tests.snapshot.week import week
from tests.web_pictures import subjects
from tests.web_pictures.camera import LOOKS, PageCamera, PageLook
from tests.web_pictures.work import jobs_by_state, long_work, longest_job, make_documented, schedules

ROOT = Path(__file__).parents[2]
DOCUMENTED = {"dashboard": "light", "jobs-wall": "light", "job": "dark", "generate-scenes": "light"}
"""Pages that the documentation shows, and in which scheme."""
DOCUMENTED_SIZE = (1200, 960)


def main(source: str, folder: Path, only: Collection[str]) -> None:
    """Take every picture, or those of some names only."""
    with chromium() as browser:
        if source.startswith("http"):
            take_full(PageCamera(browser=browser, url=source, only=only), folder / "full")
            return
        with week(source) as stack:
            url = stack.addresses["gateway"]
            make_documented(url)
            take_documented(PageCamera(browser=browser, url=url, only=only))
            take_full(PageCamera(browser=browser, url=url, only=only), folder / "full")
            take_keyed(browser, stack, folder / "keyed", only)
        with temporary_folder() as data, whole_stack(data / "data") as stack:
            camera = PageCamera(browser=browser, url=stack.addresses["gateway"], only=only)
            camera.take_all(subjects.pages(), folder / "empty")


def take_full(camera: PageCamera, folder: Path) -> None:
    """Take the pages of a kinolog with jobs: while some run and wait, and then the others."""
    busy = subjects.working("")
    if camera.takes_any(busy):
        with long_work(camera.url) as work:
            for look in LOOKS:
                camera.take_all(subjects.working(work.running()), folder, [look])
    with jobs_by_state(camera.url) as jobs, schedules(camera.url):
        ended = [*subjects.pages(longest_job(camera.url)), *subjects.states(jobs)]
        names = {subject.name for subject in busy}
        camera.take_all([subject for subject in ended if subject.name not in names], folder)


def take_keyed(browser: Browser, stack: Stack, folder: Path, only: Collection[str]) -> None:
    """Take the pages of a gateway that needs keys, before the jobs of a stack."""
    env = {"KINOLOG_REQUIRE_KEY": "true"}
    with (
        api_beside(stack, env) as api,
        gateway_before(api.address, env) as before,
        KinologClient(stack.addresses["gateway"]) as client,
    ):
        key = client.create_key(
            "root", name="root's laptop", scopes=["submit", "read", "cancel", "admin"]
        ).secret
        wait_until(partial(knows_key, before.url, key), "the key is known")
        PageCamera(browser=browser, url=before.url, only=only).take_all(subjects.keyed(key), folder)


def take_documented(camera: PageCamera) -> None:
    """Take the pictures of the documentation, each as high as a window."""
    width, height = DOCUMENTED_SIZE
    pages = [*subjects.pages(longest_job(camera.url)), *subjects.working("")]
    by_name = {subject.name: subject for subject in pages}  # the dashboard with the jobs that run
    for name, scheme in DOCUMENTED.items():
        if not camera.takes_any([by_name[name]]):
            continue
        file = ROOT / f"docs/images/web-{name}.png"
        camera.take(
            replace(by_name[name], is_whole=False), file, PageLook(name, width, scheme, height=height)
        )
        Image.open(file).save(file.with_suffix(".webp"), lossless=True, method=6)
        file.unlink()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m tests.web_pictures", description="Take pictures of the web page."
    )
    parser.add_argument("source", help="path of libfaketime.so.1, or the address of a running kinolog")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/web_pictures")
    parser.add_argument("--only", nargs="+", default=(), metavar="NAME")
    chosen = parser.parse_args()
    main(chosen.source, chosen.folder, chosen.only)
