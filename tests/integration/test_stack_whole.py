"""The stack with its real services: the doctor finds nothing wrong with what `kinolog up` starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinolog_stack.checks.doctor_check import WRONG
from kinolog_stack.doctor import run_checks
from kinolog_stack.settings import StackSettings
from kinolog_stack.stack import Stack


@pytest.mark.usefixtures("executed_programs")
def test_all_services_start_and_the_doctor_agrees(data_folder: Path) -> None:
    """Every real process serves on a fresh folder, and every check of the doctor passes."""
    settings = StackSettings(data=data_folder, gateway_port=0, api_port=0, workers=1, worker_devices=["cpu"])
    with Stack(settings) as stack:
        names = list(stack.processes)
        checks = run_checks(stack.folder)
    assert names == ["nats-server", "postgres", "projector", "api", "worker-1", "gateway"]
    assert [check for check in checks if check.status == WRONG] == []
    assert {"streams", "postgres", "projector", "api", "worker-1", "gateway"} <= {c.name for c in checks}
