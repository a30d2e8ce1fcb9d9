"""`kinolog tenants`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinolog.ids import files_of
from tests.unit.cli.conftest import Kinolog

FILE = """
[default]
reads = "100/second"
max_cost_per_day = 1_000

[tenant.studio]
priorities = []
key_reads = "200/second"
max_job_cost = 2_000

[tenant.team]

[tenant.press]
mail_recipients = ["news.example", "ann@example.com"]
"""


async def test_the_file_of_tenants(kinolog: Kinolog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is listed and checked, and the limits of one tenant are those in force. A wrong file names table and key."""
    path = tmp_path / "tenants.toml"
    path.write_text(FILE, encoding="utf-8")
    assert (await kinolog("tenants", "check")).exit_code == 2
    monkeypatch.setenv("KINOLOG_TENANTS_FILE", str(path))
    listed = await kinolog("tenants", "list")
    assert "max_job_cost 2,000, max_cost_per_day 1,000, reads 100/second" in listed.stdout, listed.output
    assert "mail_recipients ann@example.com+news.example" in listed.stdout
    checked = await kinolog("tenants", "check", "--json")
    assert checked.exit_code == 0
    assert json.loads(checked.stdout)["remarks"] == [
        "[tenant.studio]: priorities is empty, so no job is accepted",
        "[tenant.studio]: max_job_cost is more than max_cost_per_day, so it is never reached",
        "[tenant.studio]: key_reads is more than reads, so it is never reached",
        "[tenant.team]: it states nothing that differs from [default]",
    ]
    assert "it states nothing" in (await kinolog("tenants", "check")).stdout
    shown = json.loads((await kinolog("tenants", "show", "elsewhere", "--json")).stdout)
    assert (shown["limits"]["max_cost_per_day"], shown["folder"]) == (1_000, f"jobs/{files_of('elsewhere')}")
    assert "[tenant.studio]" in (await kinolog("tenants", "show", "studio")).stdout
    assert (await kinolog("tenants", "show", "no tenant")).exit_code == 2
    path.write_text("[tenant.studio]\nweigth = 2\n", encoding="utf-8")
    for command in (("list",), ("show", "studio"), ("check",), ("check", "--json")):
        wrong = await kinolog("tenants", *command)
        assert wrong.exit_code == 1
        assert "there is no key weigth" in wrong.output
