"""Signed heads that the database has lost, such as one that was made again from the log, and that their file still has.

Without them the numbers of heads would begin again, and whoever has seen the earlier ones would find a contradiction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable

import psycopg

from kinolog.counts import counted
from kinolog.merkle.signed_note import NoteKey
from kinolog.merkle.witness import HistoryRewritten, PublishedHead, UnreadableHead, Witness
from kinolog.process.files.heads_file import HeadsFile
from kinolog.process.logs import fields
from kinolog.readmodel.database import Connection
from kinolog_projector.tree.commit_tree import CommitTree
from kinolog_projector.tree.stored_heads import add_head, last_head

logger = logging.getLogger(__name__)


async def store_lost_heads(
    connection: Connection, tree: CommitTree, file: HeadsFile, keys: Collection[NoteKey]
) -> None:
    """Store the heads of the file that follow the last one of the database, as far as they are of this tree.

    Each must continue the one before, and one of `keys` must have signed the last one. Raises `OSError`, `DamagedTree`,
    `TreeConflict`.
    """
    last = await last_head(connection)
    if await asyncio.to_thread(file.last_number) <= (last.number if last else 0):
        return
    seen = Witness(seen=PublishedHead(signed=last)) if last else None
    start, count, problem = 0, 0, ""
    async with connection.transaction() as stored:
        await tree.lock()
        while not problem:
            lines, end = await asyncio.to_thread(file.lines, start)
            if end == start:
                break
            start = end
            found, problem = await asyncio.to_thread(_continuing, lines, seen, tree.size)
            if found and await tree.root(found[-1].signed.head.size) != found[-1].signed.head.root:
                problem = f"the tree is not that of head {found[-1].signed.number}"
                break
            for published in found:
                await add_head(connection, published.signed, published.signed.head)
                seen = Witness(seen=published)
            count += len(found)
        if count and (seen is None or seen.seen.signed.key not in keys):
            problem, count = "another key signed the last of them", 0
            raise psycopg.Rollback(stored)
    logger.warning(
        "the database lacked signed heads of the tree: %s of the file stored%s",
        counted(count, "head"),
        f"; {problem}" if problem else "",
        extra=fields("tree_heads"),
    )


def _continuing(lines: Iterable[str], seen: Witness | None, size: int) -> tuple[list[PublishedHead], str]:
    """Return the heads that continue what was seen, of trees of at most `size` commits, and why no further one does."""
    found = list[PublishedHead]()
    for line in lines:
        try:
            published = PublishedHead.of(line)
            after = seen.accept(published) if seen else Witness.begin(published)
        except UnreadableHead:  # cut off
            continue
        except HistoryRewritten as error:
            return found, str(error)
        if after is seen:
            continue
        if after.seen.signed.head.size > size:
            return found, f"head {published.signed.number} has more commits than there are"
        seen = after
        found.append(published)
    return found, ""
