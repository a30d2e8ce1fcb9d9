"""What the replayed gateway answers about audits: commits of the recording, and a head that is signed. It has none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kinolog.merkle.hashes import leaf_hash, node_hash
from kinolog.merkle.signed_note import NoteKey, signed_note
from kinolog.merkle.tree_head import TreeHead
from tests.snapshot.replay import Replay, recorded

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LEAVES = [leaf_hash(bytes([number])) for number in range(2)]
ROOTS = {1: LEAVES[0], 2: node_hash(*LEAVES)}
"""Roots of the trees of one and of two commits."""
PLACE = {
    "name": "s3://records/heads",
    "number": 1,
    "sent_at": "2026-11-22T19:45:03+00:00",
    "has_receipt": False,
}
COMPARISONS = "/api/v1/audit/verifications?limit=1"
CALLER = {
    "tenant": "default",
    "actor": "ada",
    "scopes": ["submit", "read", "cancel", "audit", "admin"],
    "key_id": "",
    "every_tenant": True,
}


def head(size: int) -> dict[str, Any]:
    """Return the signed head of the tree of one or two commits."""
    stated = TreeHead(
        origin="kinolog-log/6e340b9cffb37a98",
        size=size,
        root=ROOTS[size],
        at=datetime(2026, 11, 22, 19, 45, size, tzinfo=UTC),
    )
    key = NoteKey.of(KEY)
    return {
        "number": size,
        "origin": stated.origin,
        "size": size,
        "root": stated.root.hex(),
        "signed_at": stated.at.isoformat(),
        "key_id": key.id,
        "key": key.public.hex(),
        "note": signed_note(stated.text, stated.origin, [KEY]),
        "consistency": [],
    }


def comparison(state: str) -> dict[str, Any]:
    """Return a comparison of everything. If it differs, the archive lacks a commit of the completed job."""
    position, job, detail = (
        (5, recorded()["made"], "the archive has none") if state == "differs" else (None, None, "")
    )
    parts = [
        {
            "name": "log and archive",
            "count": 41,
            "unit": "commit",
            "position": position,
            "job_id": job,
            "detail": detail,
        },
        {"name": "tree", "count": 41, "unit": "commit", "position": None, "job_id": None, "detail": ""},
    ]
    is_over = state in ("holds", "differs")
    return {
        "verification_id": "v" * 26,
        "files": "sizes",
        "state": state,
        "started_by": "ada",
        "started_at": "2026-11-22T19:44:00+00:00",
        "ended_at": "2026-11-22T19:44:02+00:00" if is_over else None,
        "cancelled_by": "ben" if state == "cancelled" else "",
        "position": 41 if is_over else 0,
        "seconds": 2.0 if is_over else 0.0,
        "failure": "",
        "parts": [part | {"holds": not part["detail"]} for part in parts] if is_over else [],
        "progress": {"commits": 10, "all_commits": 40, "jobs": 2} if state == "running" else None,
    }


def commits() -> list[dict[str, Any]]:
    """Return the commits of the completed job of the recording, newest first, as a search answers them."""
    made = recorded()["made"]
    history = recorded()["answers"][f"/api/v1/events/{made}"]["commits"]
    origin = {"api_key_id": "ak_1", "client": "curl/8.5.0", "address": "192.0.2.7", "via": ""}
    return [{"job_id": made, "model": "kinolog-tiny", **origin, **commit} for commit in reversed(history)]


def offer_audit(gateway: Replay) -> None:
    """Have the gateway answer the questions of the page of audits."""
    made, running = recorded()["made"], recorded()["running"]
    found = commits()
    last = found[0]["position"]
    place = {"model": "kinolog-tiny", "priority": "high", "queued_at": found[-1]["at"], "paused": False}
    since = {"since": found[-1]["at"], "since_position": found[-1]["position"]}
    queued = {"job_id": made, "jobs_before": 0, "attempt": 0, "worker": "", **place, **since}
    ran = {"job_id": running, "jobs_before": None, "attempt": 1, "worker": "worker-1", **place, **since}
    count = {"actor": "ada", "command": "submit", "commits": 1204}
    span = {
        "first_at": found[-1]["at"],
        "last_at": found[0]["at"],
        "first_position": 1,
        "last_position": last,
    }
    gateway.answers |= {
        "/api/v1/whoami": dict(CALLER),  # a test may change its own
        "/api/v1/audit/events": {"commits": found, "next_position": None, "position": last},
        "/api/v1/audit/commands": {"counts": [count | span]},
        "/api/v1/audit/queue": {
            "position": last,
            "at": found[0]["at"],
            "queued": [queued],
            "queued_total": 1,
            "running": [ran],
            "running_total": 1,
        },
        "/api/v1/audit/tree/head": head(1) | {"places": [PLACE]},
        "/api/v1/audit/tree/heads": {"heads": [], "next_after": None},
        COMPARISONS: {"verifications": [comparison("holds")], "next_after": None},
    }
