"""Send malformed inputs to a kinolog of its own, and report faults, memory and words of inputs in its logs."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass
from time import perf_counter

import psutil

from kinolog_client import KinologClient
from kinolog_stack.stack import Stack
from tests.contract.test_api_access import methods
from tests.fixtures.servers import temporary_folder
from tests.fixtures.whole_stack import whole_stack
from tests.fuzz import surfaces
from tests.fuzz.junk import CANARY, Junk
from tests.fuzz.surfaces import Outcomes

SHARES = {"rest": 0.4, "calls": 0.3, "sockets": 0.2, "agents": 0.1}
TASKS = 4
"""Connections of each surface at the same time."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes of the processes that take inputs."""

    gateway: int
    api: int

    def __str__(self) -> str:
        return f"gateway {self.gateway / 1e6:.0f} MB, api {self.api / 1e6:.0f} MB"


def memory_of(stack: Stack) -> Memory:
    """Return what the gateway and the api hold."""
    held = [psutil.Process(stack.process(name).pid or 0).memory_info().rss for name in ("gateway", "api")]
    return Memory(*held)


async def send(stack: Stack, job_id: str, seed: int, inputs: int, outcomes: Outcomes) -> None:
    """Send this number of inputs over all surfaces at the same time."""
    url, api, walked = stack.addresses["gateway"], stack.addresses["api"], list(methods())
    async with asyncio.TaskGroup() as group:
        for task in range(TASKS):
            each = {name: max(1, int(inputs * share / TASKS)) for name, share in SHARES.items()}
            junk = [Junk(seed * 1_000 + task * 10 + index) for index in range(len(SHARES))]
            group.create_task(surfaces.rest(junk[0], url, job_id, each["rest"], outcomes))
            group.create_task(surfaces.calls(junk[1], api, walked, job_id, each["calls"], outcomes))
            ws = url.replace("http", "ws", 1) + "/ws"
            group.create_task(surfaces.sockets(junk[2], ws, job_id, each["sockets"], outcomes))
            group.create_task(surfaces.agents(junk[3], url, job_id, each["agents"], outcomes))


def logs_with_the_word(stack: Stack) -> list[str]:
    """Return the lines of logs that have a word of the inputs."""
    return [
        f"{path.name}: {line[:300]}"
        for path in sorted(stack.folder.logs.iterdir())
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if CANARY.lower() in line.lower()
    ]


def main() -> int:
    """Run in rounds. Return 1 if there was a fault or a log has a word of an input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    outcomes, began = Outcomes(), perf_counter()
    with temporary_folder() as folder, whole_stack(folder / "data") as stack:
        with KinologClient(stack.addresses["gateway"]) as client:
            job_id = client.generate("a red circle", model="card").job_id
            for _ in client.watch(job_id):
                pass
        for number in range(options.rounds):
            inputs = options.inputs // options.rounds
            asyncio.run(send(stack, job_id, options.seed * 100 + number, inputs, outcomes))
            print(
                f"{outcomes.inputs} inputs in {perf_counter() - began:.0f} s: {memory_of(stack)}", flush=True
            )
        told = logs_with_the_word(stack)
    for answer, count in sorted(outcomes.answers.items()):
        print(f"{count:8} {answer}")
    for fault, count in outcomes.faults.most_common(40):
        print(f"FAULT {count:6} {fault}")
    for line in told[:40]:
        print(f"IN A LOG {line}")
    print(f"{outcomes.faults.total()} faults, {len(told)} lines of logs with a word of an input")
    return 1 if outcomes.faults or told else 0


if __name__ == "__main__":
    sys.exit(main())
