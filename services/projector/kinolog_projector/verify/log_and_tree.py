"""Compares every commit of the log with the archive, with the one before it of its job, and with the tree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from kinolog.codec.commits import DamagedCommit, parse_commit
from kinolog.counts import counted
from kinolog.merkle.hash_tiles import TILE_HASHES, GrowingTree, HashTileId, split_hashes
from kinolog.merkle.hashes import HASH_BYTES, leaf_hash
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import InvalidNote
from kinolog.ports.raw_log import RawCommit, RawLog
from kinolog.readmodel.database import Connection
from kinolog_projector.guard.archive_reader import ArchiveReader
from kinolog_projector.guard.log_comparison import compare, range_hash
from kinolog_projector.tree.commit_tree import read_tiles, stored_size
from kinolog_projector.verify.difference import Advance, Difference, DifferenceFound

CHUNK_COMMITS = 4 * TILE_HASHES
"""Commits that are compared at once. It is a multiple of a tile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedChunk:
    """A range of the log, the hash of the same range of the archive, and the stored hashes of the tree."""

    after: int
    until: int
    logged: Mapping[int, RawCommit]
    archived: bytes | None
    tiles: Mapping[HashTileId, bytes]


@dataclass(slots=True)
class LogComparisonState:
    """What the comparison of the next chunk needs of those before."""

    tails: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Position and hash of the last commit of each job."""
    tree: GrowingTree = field(default_factory=GrowingTree)
    upper_tiles: dict[HashTileId, bytes] = field(default_factory=dict)
    """The tiles above the leaves, as they follow from the commits so far."""

    def grow(self, leaves: Sequence[bytes]) -> None:
        """Add leaves to the tree."""
        made = self.tree.append(leaves)
        self.upper_tiles |= {tile: hashes for tile, hashes in made.items() if tile.level}


class LogAndTree:
    """Reads the log once, from the first commit to a position that archive and log have reached."""

    def __init__(
        self,
        log: RawLog,
        connection: Connection,
        heads: Sequence[SignedHead],
        witnessed: Sequence[bytes] = (),
    ) -> None:
        """Compare with `heads`, in any order: those of the database, and those of copies.

        Each of `witnessed` has the hashes of the first commits, as a witness stores them.
        """
        self._log = log
        self._connection = connection
        self._archive = ArchiveReader(connection)
        self._signed = heads
        self._witnessed = witnessed
        self._matched = 0
        """Size of the largest head that the log was found to match."""
        self._state = LogComparisonState()
        self._stored = 0
        """Commits in the stored tree when the comparison began. It may grow meanwhile."""
        self._head_difference: Difference | None = None
        """A head that is not signed, or of more commits than there are. A changed commit counts before it."""
        self.tree_difference: Difference | None = None
        """The first difference between the log and the tree or its heads."""

    async def run(self, until: int, advance: Advance) -> None:
        """Compare the commits up to a position. Raises `DifferenceFound` for log and archive, `LogUnavailable`."""
        heads = self._heads(until)
        self._stored = await stored_size(self._connection)
        async for chunk in self._chunks(until):
            await self._compare(chunk)
            leaves = [leaf_hash(chunk.logged[position].raw) for position in sorted(chunk.logged)]
            if self.tree_difference is None:
                self.tree_difference = self._compare_tiles(chunk, leaves) or self._compare_witnessed(
                    chunk, leaves
                )
            self._grow(leaves, heads)
            advance(chunk.until - chunk.after)
        self.tree_difference = self.tree_difference or await self._compare_upper_tiles()
        self.tree_difference = self.tree_difference or self._head_difference or self._missing_end()

    async def _chunks(self, until: int) -> AsyncIterator[ComparedChunk]:
        """Yield the ranges. The next one is read while one is compared."""
        reading: asyncio.Task[ComparedChunk] | None = None
        try:
            for after in range(0, until, CHUNK_COMMITS):
                following = asyncio.create_task(self._read(after, min(after + CHUNK_COMMITS, until)))
                if reading is not None:
                    yield await reading
                reading = following
            if reading is not None:
                yield await reading
        finally:
            if reading is not None:
                reading.cancel()

    async def _read(self, after: int, until: int) -> ComparedChunk:
        logged, (archived, tiles) = await asyncio.gather(
            self._log.stored(after, until), self._of_database(after, until)
        )
        return ComparedChunk(after=after, until=until, logged=logged, archived=archived, tiles=tiles)

    async def _of_database(self, after: int, until: int) -> tuple[bytes | None, dict[HashTileId, bytes]]:
        wanted = [HashTileId(0, index) for index in range(after // TILE_HASHES, -(-until // TILE_HASHES))]
        return await self._archive.hash(after, until), await read_tiles(self._connection, wanted)

    async def _compare(self, chunk: ComparedChunk) -> None:
        """Compare the log with the archive, and each commit with the one before of its job."""
        logged = chunk.logged
        if len(logged) != chunk.until - chunk.after or chunk.archived != range_hash(logged):
            rows = await self._archive.rows(chunk.after, chunk.until)
            for damage in islice(compare(logged, rows, chunk.after, chunk.until), 1):
                raise DifferenceFound(
                    Difference(position=damage.position, job_id=damage.job_id, text=str(damage.kind))
                )
        for position in sorted(logged):
            self._compare_chain(logged[position])

    def _compare_chain(self, stored: RawCommit) -> None:
        try:
            wire, digest = parse_commit(stored.raw)
        except DamagedCommit as error:
            raise _at(stored, str(error)) from error
        if wire.job_id != stored.job_id:
            raise _at(stored, f"the commit is of job {wire.job_id}")
        before, expected = self._state.tails.get(stored.job_id, (0, b""))
        if (wire.previous_position, wire.previous_hash) != (before, expected):
            named = f"position {wire.previous_position}" if wire.previous_position else "no commit"
            raise _at(
                stored,
                f"the commit follows {named}, but the one before it of the job is at {before or 'no position'}"
                + ("" if wire.previous_position != before else ", with another hash"),
            )
        self._state.tails[stored.job_id] = (stored.position, digest)

    def _compare_tiles(self, chunk: ComparedChunk, leaves: Sequence[bytes]) -> Difference | None:
        """Return the first commit that is not the one that the tree was made of, as far as the tree has grown."""
        for index in range(chunk.after // TILE_HASHES, -(-chunk.until // TILE_HASHES)):
            hashes = split_hashes(chunk.tiles.get(HashTileId(0, index), b""))
            first = index * TILE_HASHES - chunk.after
            lacks = chunk.after + first + len(hashes) + 1
            if lacks <= min(self._stored, chunk.until, (index + 1) * TILE_HASHES):
                return Difference(
                    position=lacks,
                    job_id=chunk.logged[lacks].job_id,
                    text="the stored tree lacks the hash of the commit, and has later ones",
                )
            for at, hashed in enumerate(hashes, start=first):
                if at < len(leaves) and leaves[at] != hashed:
                    position = chunk.after + at + 1
                    return Difference(
                        position=position,
                        job_id=chunk.logged[position].job_id,
                        text="the commit is another one than when it was added to the tree",
                    )
        return None

    def _missing_end(self) -> Difference | None:
        """Return that the stored tree has fewer commits than a head that was signed."""
        if self._matched <= self._stored:
            return None
        text = (
            f"the stored tree has {counted(self._stored, 'commit')}, and a head of {self._matched} was signed: it is "
            "made again after a restore and not whole yet, or its end was taken away"
        )
        return Difference(position=self._stored + 1, text=text)

    async def _compare_upper_tiles(self) -> Difference | None:
        """Return the first hash above the leaves that is not the one that follows from the commits."""
        upper = self._state.upper_tiles
        stored = await read_tiles(self._connection, list(upper))
        missing = sorted(tile for tile in upper.keys() - stored.keys() if _end_of(tile) <= self._stored)
        if missing:
            leaves = TILE_HASHES ** (missing[0].level + 1)
            text = "the stored tree lacks the hashes above the commits from here on"
            return Difference(position=missing[0].index * leaves + 1, text=text)
        for tile in sorted(stored):
            pairs = zip(split_hashes(stored[tile]), split_hashes(upper[tile]), strict=False)
            for at, (found, expected) in enumerate(pairs, start=tile.index * TILE_HASHES):
                if found != expected:
                    leaves = TILE_HASHES**tile.level
                    text = f"the hash over {counted(leaves, 'commit')} from here on, in the stored tree, is not theirs"
                    return Difference(position=at * leaves + 1, text=text)
        return None

    def _compare_witnessed(self, chunk: ComparedChunk, leaves: Sequence[bytes]) -> Difference | None:
        """Return the first commit that is not the one that a witness has seen."""
        for hashes in self._witnessed:
            part = hashes[chunk.after * HASH_BYTES : chunk.until * HASH_BYTES]
            if b"".join(leaves).startswith(part):
                continue
            seen = split_hashes(part)
            at = next(at for at, (one, other) in enumerate(zip(seen, leaves, strict=False)) if one != other)
            position = chunk.after + at + 1
            text = "the commit is another one than the witness has seen"
            return Difference(position=position, job_id=chunk.logged[position].job_id, text=text)
        return None

    def _heads(self, until: int) -> list[SignedHead]:
        """Return the heads by size, the largest first. Note those that are not signed."""
        found = list[tuple[int, SignedHead]]()
        for signed in self._signed:
            try:
                found.append((signed.head.size, signed))
            except InvalidNote as error:
                text = f"the signed head {signed.number} of the tree was changed: {error}"
                self._head_difference = self._head_difference or Difference(text=text)
        late = [(size, signed) for size, signed in found if size > until]
        if late and self._head_difference is None:
            size, signed = late[0]
            commits = f"{counted(size, 'commit')}, the log has {until}"
            text = f"head {signed.number} of the tree has {commits}: the end is missing"
            self._head_difference = Difference(position=until + 1, text=text)
        return [signed for size, signed in sorted(found, key=lambda one: -one[0]) if size <= until]

    def _grow(self, leaves: Sequence[bytes], heads: list[SignedHead]) -> None:
        """Add leaves to a tree of its own, and compare its roots with those of the heads, smallest first."""
        tree, start = self._state.tree, self._state.tree.size
        end = start + len(leaves)
        while heads and heads[-1].head.size <= end:
            signed = heads.pop()
            head = signed.head
            if head.size > tree.size:
                self._state.grow(leaves[tree.size - start : head.size - start])
            if tree.root() == head.root:
                self._matched = head.size
            elif self.tree_difference is None:
                text = (
                    f"a commit from position {self._matched + 1} to {head.size} is another one than when head "
                    f"{signed.number} of the tree was signed"
                )
                self.tree_difference = Difference(position=head.size, text=text)
        self._state.grow(leaves[tree.size - start :])


def _at(stored: RawCommit, text: str) -> DifferenceFound:
    return DifferenceFound(Difference(position=stored.position, job_id=stored.job_id, text=text))


def _end_of(tile: HashTileId) -> int:
    """Return how many commits a tree has at least that has the first hash of this tile."""
    above = TILE_HASHES**tile.level
    return int(tile.index * above * TILE_HASHES + above)
