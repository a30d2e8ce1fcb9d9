"""Heads of the tree as the gateway returns them, and how they are printed."""

from __future__ import annotations

import json

from kinolog.counts import counted
from kinolog.merkle.tree_head import TreeHead
from kinolog.merkle.witness import READS_PROOF, PublishedHead, UnreadableHead
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.formats import utc_time
from kinolog_client import TreeHeadInfo


def published_head(info: TreeHeadInfo) -> PublishedHead:
    """Return a head of the gateway as a signed head. Raises `CommandFailed`."""
    facts = {"number": info.number, "key": info.key, "note": info.note, "consistency": info.consistency}
    if info.reads is not None:
        facts[READS_PROOF] = info.reads_consistency
    try:
        return PublishedHead.of(json.dumps(facts))
    except UnreadableHead as error:
        raise CommandFailed(ExitCode.FAILED, f"the gateway returned a wrong head: {error}") from error


def head_text(number: int, head: TreeHead) -> str:
    """Say what a head states."""
    return f"head {number}: {counted(head.size, 'commit')} of {head.origin}, signed {utc_time(head.at)}"
