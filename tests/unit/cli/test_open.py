"""`kinolog open` against a gateway."""

from __future__ import annotations

import webbrowser

import pytest

from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi


@pytest.mark.parametrize("has_browser", [True, False])
async def test_it_opens_the_page(
    kinolog: Kinolog,
    gateway: RunningGateway,
    api: RecordingApi,
    monkeypatch: pytest.MonkeyPatch,
    has_browser: bool,
) -> None:
    """The page of the gateway, or that of a job, is opened. Its address is printed, and a hint without a browser."""
    opened: list[str] = []

    def note(url: str) -> bool:
        opened.append(url)
        return has_browser

    monkeypatch.setattr(webbrowser, "open", note)
    job = api.add_job()
    for arguments, path in (((), ""), ((job.id,), f"/jobs/{job.id}")):
        result = await kinolog("open", *arguments)
        assert (result.exit_code, result.stdout) == (0, f"{gateway.url}{path}\n")
        assert ("no browser" in result.stderr) is not has_browser
    assert opened == [gateway.url, f"{gateway.url}/jobs/{job.id}"]
