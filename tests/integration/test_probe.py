"""The probe answers over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from kinolog.process.probe import Metric, Probe, metrics_text
from kinolog_stack.tcp_ports import free_port


@pytest.fixture
def missing() -> list[str]:
    """Names of what is not ready; a test fills it."""
    return []


@pytest.fixture
async def probe(missing: list[str]) -> AsyncIterator[Probe]:
    """A probe that serves on a free port."""

    def page() -> str:
        samples = [
            Metric(name="kinolog_lag", value=3, help="Commits behind.", labels={"of": f'a"{n}'})
            for n in (1, 2)
        ]
        return metrics_text(samples)

    probe = Probe(free_port(), missing=lambda: missing, metrics=[page])
    await probe.start()
    yield probe
    await probe.stop()


async def test_probe_reports_what_is_missing(probe: Probe, missing: list[str]) -> None:
    """/ready is 503 with what is missing, and 200 when nothing is missing; /health stays 200."""
    async with httpx.AsyncClient(base_url=probe.url) as client:
        missing.append("nats")
        refused = await client.get("/ready")
        assert (refused.status_code, refused.json()["missing"]) == (503, ["nats"])
        assert (await client.get("/health")).status_code == 200
        missing.clear()
        assert (await client.get("/ready?full=1")).status_code == 200


async def test_probe_serves_prometheus_text(probe: Probe) -> None:
    """/metrics has one HELP per family and escaped labels."""
    async with httpx.AsyncClient(base_url=probe.url) as client:
        text = (await client.get("/metrics")).text
    assert text.count("# HELP kinolog_lag") == 1
    assert 'kinolog_lag{of="a\\"1"} 3\n' in text


async def test_probe_survives_bad_requests(probe: Probe) -> None:
    """Unknown paths and methods are refused, and garbage or a huge head does not stop the probe."""
    async with httpx.AsyncClient(base_url=probe.url) as client:
        assert (await client.get("/secret")).status_code == 404
        assert (await client.post("/health")).status_code == 405
        for garbage in (b"\x00\xff\r\n\r\n", b"GET /" + b"x" * 20_000):
            reader, writer = await asyncio.open_connection(probe.host, probe.port)
            writer.write(garbage)
            writer.write_eof()
            await reader.read()
            writer.close()
        assert (await client.head("/health")).status_code == 200


async def test_no_port_means_no_probe() -> None:
    """Port 0 starts nothing and has no address."""
    probe = Probe(0)
    await probe.start()
    assert probe.url == ""
    await probe.stop()


async def test_a_probe_names_no_job(probe: Probe, missing: list[str]) -> None:
    """It needs no key, and a reason may come from an error that names one."""
    missing.append("position 7 of evt.job.a1b2c3d4e5f6g7h8i9j0k1l2m3 is damaged")
    async with httpx.AsyncClient(base_url=probe.url) as client:
        assert (await client.get("/ready")).json()["missing"] == ["position 7 of evt.job.… is damaged"]
