"""Record the queue again, in some four minutes of an idle machine: `python -m tests.recorded_queue.record`.

A whole kinolog with two workers works off jobs of three tenants and two models, whose steps take a stated time. They
come in bursts, with all priorities. Some are cancelled, get another priority, or have to wait for a time.
"""

from __future__ import annotations

import gzip
import json
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from kinolog_cli.replay.what_if.recorded_jobs import RecordedJobs
from kinolog_client import CommitSelection, GatewayError, KinologClient
from kinolog_client.replay.event_decoding import names_of
from tests.fixtures import whole_stack
from tests.fixtures.servers import temporary_folder
from tests.recorded_queue import EXPORT

JOBS = 260
WORKERS = 2
SECONDS = 150.0
"""Jobs come for so long."""
KEYS = {
    "studio": "studio-key-0123456789abcdef",
    "school": "school-key-0123456789abcdef",
    "lab": "lab-key-0123456789",
}
OPERATOR = "operator-key-0123456789abcdef"
MODELS = whole_stack.CATALOGUE + "".join(
    [
        whole_stack.model_entry("short-card", 10, step_seconds=0.05, load_seconds=0.4),
        whole_stack.model_entry("long-card", 20, step_seconds=0.1, load_seconds=0.8),
    ]
)


def arrivals(chance: random.Random) -> list[tuple[float, str]]:
    """Return the times and tenants of jobs: one tenant submits much at once, the others now and then."""
    found = [(chance.uniform(1, 4), "studio") for _ in range(90)]
    found += [(chance.uniform(60, 64), "studio") for _ in range(50)]
    for start in range(10, int(SECONDS), 20):
        found += [(start + chance.random(), "school") for _ in range(8)]
    while len(found) < JOBS:
        found.append((chance.uniform(0, SECONDS), "lab"))
    return sorted(found)


def submit_all(clients: dict[str, KinologClient]) -> None:
    """Submit the jobs at their times, and change some of them."""
    chance = random.Random(11)
    begin, submitted = time.monotonic(), list[tuple[str, str]]()
    for at, tenant in arrivals(chance):
        time.sleep(max(0.0, begin + at - time.monotonic()))
        client = clients[tenant]
        later = datetime.now(UTC) + timedelta(seconds=chance.uniform(5, 30))
        job = client.generate(
            f"a card of {tenant}",
            model=chance.choices(("short-card", "long-card"), (4, 1))[0],
            steps=chance.randrange(4, 36),
            priority=chance.choices(("critical", "high", "medium", "low"), (1, 3, 6, 4))[0],
            start_after=later if chance.random() < 0.05 else None,
        )
        submitted.append((tenant, job.job_id))
        if chance.random() < 0.12:
            changed_tenant, changed = chance.choice(submitted[-40:])
            try:
                if chance.random() < 0.5:
                    clients[changed_tenant].cancel(changed)
                else:
                    clients[changed_tenant].reprioritize(changed, "high")
            except GatewayError as ended:
                print(f"{changed}: {ended}")


def main() -> None:
    """Run the stack, submit, wait for the end of all jobs, and export the log."""
    with temporary_folder() as folder, patch.object(whole_stack, "CATALOGUE", MODELS):
        keys = folder / "keys"
        lines = [f"{secret} {tenant} {tenant}" for tenant, secret in KEYS.items()]
        keys.write_text("\n".join([*lines, f"{OPERATOR} *"]) + "\n")
        keys.chmod(0o600)
        env = {"KINOLOG_API_KEY_FILE": str(keys)}
        with whole_stack.whole_stack(folder / "data", workers=WORKERS, env=env) as stack:
            url = stack.addresses["gateway"]
            clients = {tenant: KinologClient(url, secret) for tenant, secret in KEYS.items()}
            submit_all(clients)
            for client in clients.values():
                while any(job.status in ("queued", "processing") for job in client.iterate_jobs()):
                    time.sleep(1)
                client.close()
            with KinologClient(url, OPERATOR) as operator:
                place = operator.export_events(folder / "events.jsonl", CommitSelection(tenant="*"))
            write_export(place)


def write_export(place: Path) -> None:
    """Write the lines of an export that say of waits and work: a third of it. They lack what no simulation reads."""
    kept = []
    for line in place.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if event["type"].removeprefix("kinolog.job.") in names_of(RecordedJobs.events):
            event["commandid"], event["commithash"] = "", ""
            for name in (
                "artifacts",
                "media",
                "body_hash",
                "key_id",
                "request_id",
                "worker_key",
                "libraries",
            ):
                event["data"].pop(name, None)
            kept.append(json.dumps(event, separators=(",", ":")) + "\n")
    EXPORT.write_bytes(gzip.compress("".join(kept).encode(), 9, mtime=0))
    print(f"{EXPORT}: {EXPORT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
