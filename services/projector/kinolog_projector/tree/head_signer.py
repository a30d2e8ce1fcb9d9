"""Signs heads of the tree, after so many commits or so much time, and appends them to a file."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from kinolog.counts import counted
from kinolog.merkle.proofs import InvalidProof, check_consistency
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import InvalidNote, NoteKey, signed_note
from kinolog.merkle.tree_head import TreeHead, origin_of
from kinolog.ports.clock import Clock
from kinolog.process.files.head_keys import HeadKeysUnusable, read_head_keys
from kinolog.process.files.heads_file import HeadsFile
from kinolog.process.logs import fields
from kinolog.process.setting_groups.tree import TreeSettings
from kinolog.readmodel.database import Connection
from kinolog_projector.tree.commit_tree import CommitTree, DamagedTree
from kinolog_projector.tree.lost_heads import store_lost_heads
from kinolog_projector.tree.published_heads import published_heads
from kinolog_projector.tree.signed_reads import SignedReads
from kinolog_projector.tree.stored_heads import add_head, last_head

logger = logging.getLogger(__name__)

HEADS_PER_WRITE = 100
"""Heads that are appended to the file at once. A file that was taken away is filled little by little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRules:
    """Who signs heads, when, and into which file. Without a file of keys none is signed."""

    key_file: Path | None = None
    heads_file: Path | None = None
    every_commits: int = 1_000
    every: timedelta = timedelta(seconds=60)

    @classmethod
    def of(cls, settings: TreeSettings) -> HeadRules:
        """Return the rules that the settings state."""
        return cls(
            key_file=settings.tree_key_file,
            heads_file=settings.tree_heads_file,
            every_commits=settings.tree_head_commits,
            every=timedelta(seconds=settings.tree_head_seconds),
        )


class HeadSigner:
    """Signs heads of the tree over all commits and of that over all reads, over the connection of both."""

    def __init__(
        self, connection: Connection, tree: CommitTree, reads: CommitTree, rules: HeadRules, clock: Clock
    ) -> None:
        self._connection = connection
        self._tree = tree
        self._reads = SignedReads(reads)
        self._rules = rules
        self._clock = clock
        self._last: SignedHead | None = None
        self.last: TreeHead | None = None
        """The last signed head."""
        self._file_lacks_heads = False
        self.problem = ""
        """Why no head can be signed, or stored in the file, now."""

    async def open(self) -> None:
        """Compare the last signed head with the tree. Raises `DamagedTree`, `TreeConflict`."""
        await self._store_lost_heads()
        self._last = await last_head(self._connection)
        if self._last is not None:
            self.last = _head_of(self._last)
            if self.last.size > self._tree.size:
                raise DamagedTree(
                    f"a head of {counted(self.last.size, 'commit')} was signed, but there are {self._tree.size}"
                )
            if await self._tree.root(self.last.size) != self.last.root:
                raise DamagedTree(
                    f"the first {counted(self.last.size, 'commit')} are not those of the signed head"
                )
            await self._reads.check(self.last.reads)
        await self._write_file()

    async def _store_lost_heads(self) -> None:
        if self._rules.key_file is None or self._rules.heads_file is None:
            return
        with contextlib.suppress(OSError, HeadKeysUnusable):  # said when a head is signed
            keys = await asyncio.to_thread(read_head_keys, self._rules.key_file)
            await store_lost_heads(
                self._connection,
                self._tree,
                HeadsFile(self._rules.heads_file),
                [NoteKey.of(key) for key in keys],
            )

    async def sign_if_due(self) -> None:
        """Sign a head if enough was appended, or for long enough none was signed. Raises `DamagedTree`."""
        if self._file_lacks_heads:
            await self._write_file()
        if self._rules.key_file is None or not self._is_due():
            return
        try:
            keys = await asyncio.to_thread(read_head_keys, self._rules.key_file)
        except HeadKeysUnusable as error:
            self._note(f"no head of the tree is signed: {error}")
            return
        first = NoteKey.of(keys[0])
        is_handover = self._last is not None and self._last.key != first
        if self._last is not None and self._last.key not in [NoteKey.of(key) for key in keys]:
            logger.warning(
                "heads of the tree were signed by key %s before, which does not sign that key %s follows it",
                self._last.key.id,
                first.id,
                extra=fields("tree_key"),
            )
        async with self._connection.transaction():
            await self._tree.lock()
            await self._reads.tree.lock()
            head = TreeHead(
                origin=self.last.origin if self.last else origin_of(await self._tree.root(1)),
                size=self._tree.size,
                root=await self._tree.root(self._tree.size),
                at=self._clock(),
                reads=await self._reads.head(self.last.reads if self.last else None),
            )
            await self._check_growth(head)
            signed = SignedHead(
                number=self._last.number + 1 if self._last else 1,
                key=first,
                note=signed_note(head.text, head.origin, keys if is_handover else keys[:1]),
            )
            await add_head(self._connection, signed, head)
        self._last, self.last, self.problem = signed, head, ""
        await self._write_file()

    @property
    def last_signed(self) -> SignedHead | None:
        """The last signed head with its signature."""
        return self._last

    def _is_due(self) -> bool:
        if self.last is None:
            return self._tree.size > 0
        since = self._clock() - self.last.at
        is_late = not timedelta(0) <= since < self._rules.every  # also by a clock that was set back
        new = self._tree.size - self.last.size
        is_behind = new > 0 or self._reads.has_more(self.last.reads)
        return new >= self._rules.every_commits or (is_behind and is_late)

    async def _check_growth(self, head: TreeHead) -> None:
        """Check that the tree begins with that of the last head. Raises `DamagedTree`."""
        if self.last is None:
            return
        proof = await self._tree.consistency_proof(self.last.size, head.size)
        try:
            check_consistency(self.last.size, self.last.root, head.size, head.root, proof)
        except InvalidProof as error:
            raise DamagedTree(
                f"the tree of {counted(head.size, 'commit')} does not continue the signed head: {error}"
            ) from error

    async def _write_file(self) -> None:
        """Append the heads that the file lacks. One that cannot be written is written with the next head."""
        if self._rules.heads_file is None:
            return
        file = HeadsFile(self._rules.heads_file)
        try:
            number = await asyncio.to_thread(file.last_number)
            published = await published_heads(self._connection, number, HEADS_PER_WRITE)
            if published:
                await asyncio.to_thread(file.append, published)
            self._file_lacks_heads = len(published) >= HEADS_PER_WRITE
        except OSError as error:
            self._note(
                f"signed heads are not written to {file.path} now, only to Postgres: {error.strerror or error}"
            )

    def _note(self, problem: str) -> None:
        if problem != self.problem:
            logger.warning("%s", problem, extra=fields("tree_heads"))
        self.problem = problem


def _head_of(signed: SignedHead) -> TreeHead:
    """Return what was signed. Raises `DamagedTree`."""
    try:
        return signed.head
    except InvalidNote as error:
        raise DamagedTree(f"the signed head {signed.number} was changed: {error}") from error
