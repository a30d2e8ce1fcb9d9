"""Laws of the order of tenants, and simulated fleets in which one tenant floods the queue."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinolog.scheduling.tenant_turns import SAVED_TURNS, TenantTurns

FLOOD = 10_000


def equal(_: str) -> float:
    """Give every tenant the weight 1."""
    return 1.0


def filled(queued: Iterable[tuple[str, int]], weights: dict[str, float] | None = None) -> TenantTurns:
    """Return the turns with so many jobs of each tenant, all of one before those of the next."""
    turns = TenantTurns((weights or {}).get if weights else equal)  # type: ignore[arg-type]
    position = 0
    for tenant, jobs in queued:
        for number in range(jobs):
            position += 1
            turns.add(tenant, f"{tenant}-{number}", position)
    return turns


def waits(arrivals: Sequence[tuple[float, str]], workers: int, seed: int = 7) -> dict[str, list[float]]:
    """Return how long the jobs of each tenant wait for one of `workers`, in jobs' mean durations.

    Arrivals are times and tenants. A job takes half of the mean to one and a half.
    """
    chance, turns = random.Random(seed), TenantTurns(equal)
    coming = [(at, number, tenant) for number, (at, tenant) in enumerate(sorted(arrivals))]
    arrived = {str(number): (at, tenant) for at, number, tenant in coming}
    coming.reverse()
    now, free, waited = 0.0, [0.0] * workers, dict[str, list[float]]()
    while coming or turns.tenants:
        now = max(now, heapq.heappop(free))
        if not turns.tenants:
            now = max(now, coming[-1][0])
        while coming and coming[-1][0] <= now:
            _, number, tenant = coming.pop()
            turns.add(tenant, str(number), number)
        (job_id,) = turns.upcoming(1)
        turns.take(job_id)
        at, tenant = arrived[job_id]
        waited.setdefault(tenant, []).append(now - at)
        heapq.heappush(free, now + chance.uniform(0.5, 1.5))
    return waited


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return quantiles(values, n=20)[-1]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_flood_does_not_delay_another_tenant(workers: int) -> None:
    """One tenant queues 10,000 jobs. Another's bursts of thirty jobs wait about as long as alone, at p95."""
    bursts = [(burst * 120.0 / workers, "b") for burst in range(1, 21) for _ in range(30)]
    alone = p95(waits(bursts, workers)["b"])
    flooded = p95(waits([*((0.0, "a") for _ in range(FLOOD)), *bursts], workers)["b"])
    assert flooded <= 1.2 * alone


def test_a_job_that_starts_at_once_alone_waits_for_one_job_of_a_flood() -> None:
    """A job that a flood finds no free worker for waits until one of them ends its job, and no longer."""
    single = [(50.0 + 10.0 * number, "b") for number in range(60)]
    assert max(waits(single, 4)["b"]) == 0
    assert max(waits([*((0.0, "a") for _ in range(FLOOD)), *single], 4)["b"]) < 1.5


def test_tenants_share_in_the_ratio_of_their_weights() -> None:
    """Of tenants of weights 1 and 3 that both flood the queue, the second starts three quarters of the jobs."""
    turns = filled([("a", 5_000), ("b", 5_000)], {"a": 1.0, "b": 3.0})
    taken = Counter[str]()
    for _ in range(400):
        (job_id,) = turns.upcoming(1)
        turns.take(job_id)
        taken[job_id[0]] += 1
    assert abs(taken["b"] - 300) <= 3


def test_saved_turns_are_limited() -> None:
    """A tenant that comes later goes first for as many jobs as it may save, and then shares."""
    turns = filled([("a", 1_000)])
    for job_id in turns.upcoming(500):
        turns.take(job_id)
    for number in range(300):
        turns.add("b", f"b-{number}", 10_000 + number)
    order = [job_id[0] for job_id in turns.upcoming(300)]
    assert set(order[: int(SAVED_TURNS)]) == {"b"}
    assert abs(Counter(order[int(SAVED_TURNS) :])["a"] - 100) <= 1


def test_no_tenant_starves() -> None:
    """While new tenants come with bursts all the time, one that floods the queue still gets turns."""
    turns, position = filled([("a", 1_000)]), 10_000
    taken = Counter[str]()
    for number in range(2_000):
        if number % 40 == 0:
            for _ in range(60):
                position += 1
                turns.add(f"t{number // 40 % 3}", f"t-{position}", position)
        (job_id,) = turns.upcoming(1)
        turns.take(job_id)
        taken[job_id[0]] += 1
    assert taken["a"] >= 400


def test_the_jobs_of_one_tenant_start_in_their_order() -> None:
    """One tenant alone is served first come, first served, whatever is removed meanwhile."""
    turns = filled([("a", 9)])
    assert turns.remove("a-4") == "a"
    assert turns.remove("a-4") is None
    turns.add("a", "a-0", 100)
    assert turns.upcoming(20) == ["a-1", "a-2", "a-3", "a-5", "a-6", "a-7", "a-8", "a-0"]


@given(
    st.dictionaries(st.sampled_from("abcde"), st.tuples(st.integers(0, 30), st.floats(0.1, 10)), max_size=5),
    st.integers(0, 60),
)
def test_what_is_upcoming_is_what_is_taken(queued: dict[str, tuple[int, float]], count: int) -> None:
    """Taking the upcoming jobs one by one changes nothing about the order of the others."""
    weights = {tenant: weight for tenant, (_, weight) in queued.items()}
    turns = filled(((tenant, jobs) for tenant, (jobs, _) in queued.items()), weights or {"a": 1.0})
    planned, taken = turns.upcoming(count), list[str]()
    while len(taken) < count and (upcoming := turns.upcoming(1)):
        turns.take(upcoming[0])
        taken += upcoming
    assert taken == planned


def test_tenants_without_jobs_are_forgotten() -> None:
    """What is remembered of tenants does not grow with all that ever were here, and forgetting changes no order."""
    turns = TenantTurns(equal, saved_turns=1.0)
    for number in range(5_000):
        turns.add(f"t{number}", f"job-{number}", number)
        turns.add("flood", f"flood-{number}", number)
        for job_id in turns.upcoming(2):
            turns.take(job_id)
    assert len(turns._starts) < 1_100


def test_a_negative_number_of_saved_turns_is_refused() -> None:
    """A tenant cannot owe turns from the start."""
    with pytest.raises(ValueError, match="saved_turns"):
        TenantTurns(equal, saved_turns=-1.0)
