"""Texts of users in exports of events that cannot be unsealed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest

from kinolog_client import CommitSelection
from tests.builders.running_api import RunningApi, running_api
from tests.unit.client.either_client import EitherClient
from tests.unit.gateway.conftest import running_gateway


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


@pytest.mark.parametrize("kind", ["blocking", "async"])
async def test_a_text_that_cannot_be_unsealed_ends_no_export(
    api: RunningApi, tmp_path: Path, kind: Literal["blocking", "async"]
) -> None:
    """It is named, the other texts are there, and the export says how many events are concerned."""
    async with running_gateway(api.target) as gateway:
        client = EitherClient(kind, gateway.url)
        job_id, other = await api.submit("damaged"), await api.submit("as it was")
        api.keys._keys[await api.key_id(job_id)] = b"k" * 32
        found = [
            await client.items("exported_events", CommitSelection(job_id=job), prompts=True)
            for job in (job_id, other)
        ]
        (broken, *_), (whole, *_) = found
        assert (broken["data"]["texts"], broken["data"]["unreadable_texts"]) == ({}, ["prompt"])
        assert whole["data"]["texts"]["prompt"] == "as it was"
        assert "unreadable_texts" not in whole["data"]
        counts = list[int]()
        await client.call("export_events", tmp_path / "all.jsonl", prompts=True, on_unreadable=counts.append)
        lines = (tmp_path / "all.jsonl").read_text().splitlines()
        assert counts == [sum("unreadable_texts" in json.loads(line)["data"] for line in lines)]
        assert counts[0] == sum("unreadable_texts" in event["data"] for event in found[0]) > 0
        await client.close()
