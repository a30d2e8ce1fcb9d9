"""A data folder of an earlier release opens: histories, keys, files and lists are as they were."""

from __future__ import annotations

import json
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from kinolog_client import KinologClient
from tests.fixtures.waits import wait_until
from tests.fixtures.whole_stack import whole_stack

ENDED = ("completed", "failed", "cancelled")
FOLDERS = sorted((Path(__file__).parents[1] / "golden/folder").glob("*.tar.xz"))
"""Data folders of earlier releases, each with a JSON file of what its jobs were just before the stack stopped."""


@pytest.mark.parametrize("archive", FOLDERS, ids=lambda path: path.name.removesuffix(".tar.xz"))
def test_a_data_folder_of_an_earlier_release_opens(archive: Path, tmp_path: Path) -> None:
    """Every commit has its hash, every prompt its text, every video its bytes. Jobs that had not ended end now."""
    with tarfile.open(archive) as folder:
        folder.extractall(tmp_path, filter="tar")
    recorded = json.loads(
        archive.with_name(archive.name.replace(".tar.xz", ".json")).read_text(encoding="utf-8")
    )
    with whole_stack(tmp_path / "data") as stack, KinologClient(stack.addresses["gateway"]) as client:
        for job_id, job in recorded["jobs"].items():
            _check_job(client, job_id, job)
        listed = {row.job_id: row.prompt for row in client.iterate_jobs()}
        assert listed == {job_id: job["prompt"] for job_id, job in recorded["jobs"].items()}
        for job_id in recorded["jobs"]:
            proof = client.verify(job_id)
            assert proof.valid, proof.checks


def _check_job(client: KinologClient, job_id: str, recorded: dict[str, Any]) -> None:
    """Wait for the end of a job, and compare it with what was recorded."""
    job = wait_until(lambda: client.status(job_id), f"{job_id} has ended", lambda read: read.status in ENDED)
    assert (job.prompt, job.negative_prompt, job.erased) == (
        recorded["prompt"],
        recorded["negative_prompt"],
        recorded["erased"],
    )
    first = len(recorded["hashes"])
    assert [commit.hash for commit in client.history(job_id).commits][:first] == recorded["hashes"]
    if (
        job.erased
    ):  # earlier releases did not say that an erasure was finished: the api finishes it when it starts
        wait_until(
            lambda: _later_events(client, job_id, first),
            "its end",
            lambda types: types == ["erasure_finished"],
        )
    elif recorded["status"] in ENDED:
        assert not _later_events(client, job_id, first)
    if recorded["status"] in ENDED:
        assert job.status == recorded["status"]
    if recorded["video"]:
        content = b"".join(client.stream(job_id))
        assert sha256(content).hexdigest() == recorded["video"]


def _later_events(client: KinologClient, job_id: str, first: int) -> list[str]:
    """The types of the events of all commits of a job but its first ones."""
    return [event.type for commit in client.history(job_id).commits[first:] for event in commit.events]
