"""The web page: its addresses, files and headers."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.unit.gateway.conftest import running_gateway
from tests.unit.gateway.recording_api import RecordingApi

SCRIPT = "console.log('kinolog')"
MANIFEST = """{
    "index.html": {"file": "assets/page-1a.js", "imports": ["_base.js"], "dynamicImports": ["src/pages/jobs/jobs.tsx"]},
    "_base.js": {"file": "assets/base-1a.js"},
    "src/app.tsx": {"file": "assets/app-1a.js", "imports": ["index.html", "_base.js"]},
    "_table.js": {"file": "assets/table-1a.js", "imports": ["_base.js"]},
    "src/pages/jobs/jobs.tsx": {"file": "assets/jobs-1a.js", "imports": ["index.html", "_table.js"]}
}"""


@pytest.fixture
def web_files(tmp_path: Path) -> Path:
    """A built page with one script."""
    folder = tmp_path / "web_files"
    (folder / "assets").mkdir(parents=True)
    head = "<head><title>kinolog</title><style>p {}</style></head>"
    index = f'<!doctype html><html>{head}<script src="./assets/page-1a.js"></script></html>'
    (folder / "index.html").write_text(index)
    (folder / "manifest.json").write_text(MANIFEST)
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "assets" / "page-1a.js").write_text(SCRIPT)
    (folder / "assets" / "page-1a.js.br").write_bytes(b"compressed")
    (tmp_path / "secret.js").write_text("secret")
    return folder


async def test_its_addresses_show_the_page(api: RecordingApi, tmp_path: Path, web_files: Path) -> None:
    """Each address is the page, without a key. It may use this gateway only, and its styles have a number each time."""
    keys = tmp_path / "keys"
    keys.write_text("ada-0123456789abcdef studio\n")
    keys.chmod(0o600)
    nonces = set()
    async with running_gateway(api.target, keys, web_files=web_files) as gateway:
        for path in (
            "/",
            "/jobs",
            f"/jobs/{'a' * 26}",
            "/generate",
            "/schedules",
            "/analytics",
            "/audit",
            "/settings",
        ):
            page = await gateway.client.get(path)
            assert page.headers["content-type"] == "text/html; charset=utf-8", path
            assert page.headers["cache-control"] == "no-cache"
            assert '<base href="/">' in page.text
            policy = page.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; ")
            nonce, _ = re.findall(r'nonce="([^"]+)"', page.text)
            assert f"'nonce-{nonce}'" in policy
            assert f'<style nonce="{nonce}">' in page.text
            nonces.add(nonce)
        assert len(nonces) == 8
        assert (await gateway.client.get("/api/v1/jobs")).status_code == 401


async def test_the_scripts_of_an_address_are_loaded_ahead(api: RecordingApi, web_files: Path) -> None:
    """An address names the scripts that it begins with. Those of every address are in the page already."""
    async with running_gateway(api.target, web_files=web_files) as gateway:
        loaded = [
            re.findall(
                r'rel="modulepreload" crossorigin href="([^"]+)"', (await gateway.client.get(path)).text
            )
            for path in ("/jobs", "/settings")
        ]
        app = "./assets/app-1a.js"
        assert loaded == [[app, "./assets/jobs-1a.js", "./assets/table-1a.js"], [app]]
        (web_files / "manifest.json").unlink()
        os.utime(web_files / "index.html", ns=(1, 1))
        assert "modulepreload" not in (await gateway.client.get("/jobs")).text


async def test_its_files(api: RecordingApi, web_files: Path) -> None:
    """Assets may be kept for a year, compressed for clients that take it; nothing outside of the folder is served."""
    async with running_gateway(api.target, web_files=web_files) as gateway:
        get = gateway.client.get
        plain = await get("/assets/page-1a.js", headers={"Accept-Encoding": "gzip, br;q=0"})
        assert (plain.text, plain.headers["content-type"]) == (SCRIPT, "text/javascript; charset=utf-8")
        assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
        async with gateway.client.stream(
            "GET", "/assets/page-1a.js", headers={"Accept-Encoding": "gzip, br"}
        ) as answer:
            assert answer.headers["content-encoding"] == "br"
            assert b"".join([part async for part in answer.aiter_raw()]) == b"compressed"
        assert (await get("/icon.svg")).headers["cache-control"] == "no-cache"
        for path in (
            "/assets/..%2F..%2Fsecret.js",
            "/assets/page-1a.js.br",
            "/assets/page-2b.js",
            "/assets/",
            "/index.html",
        ):
            assert (await get(path)).status_code == 404, path


async def test_a_new_build_is_noticed(api: RecordingApi, web_files: Path) -> None:
    """After a build the new page and its files are served. Before one, `/` has the links, and says how to build it."""
    async with running_gateway(api.target, web_files=web_files) as gateway:
        assert "page-1a.js" in (await gateway.client.get("/")).text
        (web_files / "assets" / "page-1a.js").rename(web_files / "assets" / "page-2b.js")
        assert (await gateway.client.get("/assets/page-1a.js")).status_code == 404
        index = web_files / "index.html"
        index.write_text(index.read_text().replace("page-1a", "page-2b"))
        os.utime(index, ns=(1, 1))
        assert "page-2b.js" in (await gateway.client.get("/")).text
        assert (await gateway.client.get("/assets/page-2b.js")).text == SCRIPT
        index.unlink()
        assert "<code>make web</code> builds it" in (await gateway.client.get("/")).text
        assert (await gateway.client.get("/jobs")).status_code == 404


async def test_behind_a_prefix(api: RecordingApi, web_files: Path) -> None:
    """The page states the prefix of the proxy, and what it links is below it."""
    async with running_gateway(api.target, gateway_path_prefix="/films", web_files=web_files) as gateway:
        assert '<base href="/films/">' in (await gateway.client.get("/films/jobs")).text
        assert (await gateway.client.get("/films/assets/page-1a.js")).text == SCRIPT


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_a_mistyped_address_shows_the_page_to_people(
    api: RecordingApi, tmp_path: Path, web_files: Path
) -> None:
    """A browser gets the page with status 404, without a key. Programs, and addresses of an API, get a problem."""
    keys = tmp_path / "keys"
    keys.write_text("ada-0123456789abcdef studio\n")
    keys.chmod(0o600)
    async with running_gateway(api.target, keys, web_files=web_files) as gateway:
        client = gateway.client
        for path in ("/jbos", "/jobs/a/b", "/schedules/x", "/a/b/c?x=1", "/index.html"):
            page = await client.get(path, headers=BROWSER)
            assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8"), path
            assert "page-1a.js" in page.text
            assert (page.headers["vary"], page.headers["cache-control"]) == ("Accept", "no-store")
            assert page.headers["content-security-policy"].startswith("default-src 'none'; ")
        assert (await client.head("/jbos", headers=BROWSER)).status_code == 404
        key = {"Authorization": "Bearer ada-0123456789abcdef"}
        for path, accept in (
            ("/jbos", "*/*"),
            ("/jbos", "application/json"),
            ("/jbos", "application/json, text/html"),
            ("/api/v1/jbos", BROWSER["Accept"]),
            ("/v1/jbos", BROWSER["Accept"]),
            ("/assets/jbos.js", BROWSER["Accept"]),
        ):
            answer = await client.get(path, headers={"Accept": accept, **key})
            assert answer.status_code == 404, path
            assert "json" in answer.headers["content-type"], path
        for method, path in (
            ("GET", "/jbos"),
            ("POST", "/jbos"),
            ("GET", "/api/v1/jobs"),
            ("GET", "/api/v1/jbos"),
        ):
            headers = {} if (method, path) == ("GET", "/jbos") else BROWSER
            assert (await client.request(method, path, headers=headers)).status_code == 401, (method, path)


async def test_a_mistyped_address_without_a_built_page(api: RecordingApi, tmp_path: Path) -> None:
    """There is a link back."""
    async with running_gateway(api.target, web_files=tmp_path / "none") as gateway:
        page = await gateway.client.get("/jbos", headers=BROWSER)
        assert (page.status_code, '<a href="/">' in page.text) == (404, True)
