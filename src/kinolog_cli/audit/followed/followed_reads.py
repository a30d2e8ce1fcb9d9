"""The tree over recorded reads of a gateway as a witness follows it, and what reads the tiles of a gateway."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from kinolog.counts import counted
from kinolog.durable_files import PRIVATE_FILE
from kinolog.merkle.hash_tiles import HashTileId
from kinolog.merkle.hashes import HASH_BYTES
from kinolog.merkle.leaf_hashes import LeafHashes
from kinolog.merkle.tree_head import ReadTreeHead
from kinolog.merkle.witness import HistoryRewritten
from kinolog_client import KinologClient, NotFound, UnexpectedAnswer


class TreeNotWhole(Exception):
    """The tree that is served lacks its end, as after a restore. What is there is the same."""


class FollowedReads:
    """What a witness has seen of the reads. The hashes are beside the state, with `.read-leaves` after its name."""

    def __init__(self, state: Path, stated: ReadTreeHead | None) -> None:
        """Read the hashes up to what the last head states. Raises `OSError`."""
        self._file = state.with_name(f"{state.name}.read-leaves")
        stored = self._file.read_bytes() if self._file.exists() else b""
        size = stated.size if stated else 0
        self._leaves = LeafHashes(stored[: size * HASH_BYTES])
        if stated and (self._leaves.size < size or self._leaves.root() != stated.root):
            self._leaves = LeafHashes()  # such as of a witness that followed a file
        self._stored = self._leaves.size

    def grow(self, stated: ReadTreeHead | None, tiles: HashTiles) -> None:
        """Add the hashes up to what a head states. Raises `HistoryRewritten`, `TreeNotWhole`, `GatewayError`."""
        if stated is None or stated.size <= self._leaves.size:
            return
        before = self._leaves.size
        for _ in range(2):  # the tree may have grown since its last tile was read
            self._leaves.append(self._leaves.grown(stated.size, tiles.read))
            tiles.forget()
        if self._leaves.size < stated.size:
            there = counted(self._leaves.size, "batch", "batches")
            self._leaves.cut(before)
            raise TreeNotWhole(
                f"the gateway has the hashes of {there} of reads only, but signed {stated.size}"
            )
        if self._leaves.root() != stated.root:
            self._leaves.cut(before)
            raise HistoryRewritten("the hashes of the tree over reads are not those that the head states")

    def changed(self, tiles: HashTiles) -> str:
        """Say which batch differs first from what was seen; nothing if none does. Raises `TreeNotWhole`."""
        number = self._leaves.first_difference(tiles.read)
        if number is None:
            return ""
        seen = counted(self._leaves.size, "batch", "batches")
        if self._leaves.is_missing(number, tiles.read):
            raise TreeNotWhole(f"the gateway lacks batch {number} of {seen} of reads that were seen before")
        return f"The first batch of recorded reads that differs from {seen} seen before is number {number}"

    def store(self) -> None:
        """Store the hashes. Raises `OSError`."""
        if self._leaves.size != self._stored:
            write_hashes(self._file, self._stored, self._leaves)
            self._stored = self._leaves.size


def write_hashes(file: Path, stored: int, leaves: LeafHashes) -> None:
    """Write the hashes after those that a file has already, durably. Raises `OSError`."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    with os.fdopen(handle, "r+b") as opened:
        opened.seek(stored * HASH_BYTES)
        opened.write(leaves.after(stored))
        opened.truncate()
        opened.flush()
        os.fsync(opened.fileno())


class HashTiles:
    """The tiles of a gateway, of commits or of reads. Each is read once, until it is forgotten."""

    def __init__(self, client: KinologClient, of: str = "commits") -> None:
        self._client = client
        self._of = of
        self._found: dict[HashTileId, bytes] = {}

    def forget(self) -> None:
        """Read all tiles again."""
        self._found.clear()

    def read(self, tile: HashTileId) -> bytes:
        """Return the hashes of a tile; none if there is no such tile. Raises `GatewayError`."""
        if tile not in self._found:
            self._found[tile] = self._read(tile)
        return self._found[tile]

    def _read(self, tile: HashTileId) -> bytes:
        try:
            info = self._client.tree_tile(tile.level, tile.index, of=self._of)
        except NotFound:
            return b""
        try:
            hashes = base64.b64decode(info.hashes, validate=True)
        except binascii.Error as error:
            raise UnexpectedAnswer(self._client.url, f"hashes: {error}") from error
        return hashes[: len(hashes) // HASH_BYTES * HASH_BYTES]
