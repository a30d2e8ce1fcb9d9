"""The rows by which commits are found: one of each commit, and the times of blocks of positions. See decision 138."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql

from kinolog.event_query.facts import commit_facts, fact_hash
from kinolog.job.commit import RecordedCommit
from kinolog.job.state import Job
from kinolog.readmodel.commit_index.commit_tables import TIME_BLOCK_BITS
from kinolog.readmodel.tables import Row

FORGET_ADDRESSES = sql.SQL(
    "UPDATE {} SET address = NULL WHERE address IS NOT NULL AND (tenant, position) IN"
    " (SELECT jobs.tenant, archive.position FROM {} AS jobs JOIN kinolog.archive ON archive.job_id = jobs.id"
    " WHERE jobs.id = ANY(%s::text[]))"
)
"""Forgets the hashed addresses of erased jobs."""


def commit_row(recorded: RecordedCommit, job: Job, addresses: Mapping[int, int]) -> Row:
    """Return the row of a commit of a job. `addresses` has the hashed address of each position that has one."""
    commit, tenant = recorded.commit, job.tenant
    return {
        "tenant": tenant,
        "position": recorded.position,
        "at": commit.at,
        "actor": commit.command.actor,
        "command": commit.command.name,
        "facts": sorted({fact_hash(tenant, field, value) for field, value in commit_facts(commit, job.spec)}),
        "address": addresses.get(recorded.position),
    }


def time_rows(commits: Sequence[RecordedCommit]) -> list[Row]:
    """Return between which times the commits of each block were decided."""
    blocks: dict[int, Row] = {}
    for recorded in commits:
        block, at = recorded.position >> TIME_BLOCK_BITS, recorded.commit.at
        known = blocks.get(block)
        least = at if known is None else min(at, known["least_at"])
        greatest = at if known is None else max(at, known["greatest_at"])
        blocks[block] = {"block": block, "least_at": least, "greatest_at": greatest}
    return list(blocks.values())
