"""The tree of a gateway as a witness follows it: its heads, and the hashes of all its commits."""

from __future__ import annotations

import json
from pathlib import Path

from kinolog.counts import counted
from kinolog.durable_files import write_durably
from kinolog.merkle.hashes import HASH_BYTES
from kinolog.merkle.leaf_hashes import LeafHashes
from kinolog.merkle.witness import HistoryRewritten, PublishedHead, Witness
from kinolog_cli.audit.followed.followed_reads import FollowedReads, HashTiles, TreeNotWhole, write_hashes
from kinolog_cli.audit.published import published_head
from kinolog_client import GatewayError, KinologClient


def remembered(state: Path) -> Witness | None:
    """Return what the file of a witness remembers; None if it is missing. Raises `OSError`, `UnreadableHead`."""
    text = state.read_text(encoding="utf-8") if state.exists() else ""
    return Witness(seen=PublishedHead.of(text)) if text else None


def stored_contradiction(state: Path, seen: Witness | None, other: PublishedHead) -> str:
    """Write two heads that contradict each other beside the state. Return where, for a sentence; empty without one."""
    if seen is None:
        return ""
    path = state.with_name(f"{state.name}.contradiction-{other.signed.number}")
    heads = {"seen": json.loads(seen.seen.line), "other": json.loads(other.line)}
    write_durably(path, json.dumps(heads, ensure_ascii=False, indent=1) + "\n")
    return f". Both heads are in {path}"


class FollowedTree:
    """What a witness has seen of a tree. The hashes are beside the state, in a file with `.leaves` after its name."""

    def __init__(self, state: Path, key_id: str = "") -> None:
        """Read the state. Raises `OSError`, `UnreadableHead`."""
        self._state = state
        self._key_id = key_id
        self._file = state.with_name(f"{state.name}.leaves")
        self.seen = remembered(state)
        stored = self._file.read_bytes() if self._file.exists() else b""
        size = self.seen.seen.signed.head.size if self.seen else 0
        self._leaves = LeafHashes(stored[: size * HASH_BYTES])
        if self._leaves.size < size or (self.seen and self._leaves.root() != self.seen.seen.signed.head.root):
            self._leaves = LeafHashes()  # such as of a witness that followed a file
        self._stored, self._stored_head = self._leaves.size, self.seen
        self._reads = FollowedReads(state, self.seen.seen.signed.head.reads if self.seen else None)

    def look(self, client: KinologClient) -> Witness | None:
        """Accept the heads that are new, and compare the tree. Return what is remembered; None without any head.

        Raises `HistoryRewritten`, which names the first commit that differs, `TreeNotWhole`, `GatewayError`, `OSError`.
        """
        reader, reads = HashTiles(client), HashTiles(client, of="reads")
        after = self.seen.seen.signed.number - 1 if self.seen else 0
        is_there = self.seen is None
        while heads := client.tree_heads(after=after).heads:
            try:
                for info in heads:
                    self._accept(published_head(info), reader, reads)
            finally:
                self._store()
            is_there, after = True, heads[-1].number
        if self.seen is None:
            return None
        if not is_there:
            number = self.seen.seen.signed.number
            raise HistoryRewritten(f"head {number}, which was seen before, is missing: heads were taken back")
        reader.forget()
        if (position := self._leaves.first_difference(reader.read)) is not None:
            if self._leaves.is_missing(position, reader.read):
                raise TreeNotWhole(_missing(position - 1, self._leaves.size))
            raise HistoryRewritten(self._changed(position))
        reads.forget()
        if changed := self._reads.changed(reads):
            raise HistoryRewritten(changed)
        return self.seen

    def _accept(self, published: PublishedHead, reader: HashTiles, reads: HashTiles) -> None:
        try:
            seen = self.seen.accept(published) if self.seen else Witness.begin(published, self._key_id)
        except HistoryRewritten as error:
            stored = stored_contradiction(self._state, self.seen, published)
            raise HistoryRewritten(f"{error}{self._where(reader, reads)}{stored}") from error
        stated = seen.seen.signed.head
        self._reads.grow(stated.reads, reads)
        if seen is not self.seen or self._leaves.size < stated.size:
            self._grow(seen.seen, reader)

    def _where(self, reader: HashTiles, reads: HashTiles) -> str:
        """Say which commit, and which batch of reads, differs first; nothing if the gateway does not answer that."""
        reader.forget()
        reads.forget()
        try:
            position = self._leaves.first_difference(reader.read)
            changed = self._reads.changed(reads)
        except (
            GatewayError,
            TreeNotWhole,
        ):  # whoever rewrote history must not be able to keep the complaint back
            return ""
        commit = f". {self._changed(position)}" if position is not None else ""
        return f"{commit}. {changed}" if changed else commit

    def _changed(self, position: int) -> str:
        seen = counted(self._leaves.size, "commit")
        return f"The first commit that differs from {seen} seen before is at position {position}"

    def _grow(self, published: PublishedHead, reader: HashTiles) -> None:
        """Add the hashes of the commits up to a head. Raises `HistoryRewritten`."""
        head, before = published.signed.head, self._leaves.size
        self._leaves.append(self._leaves.grown(head.size, reader.read))
        if self._leaves.size < head.size:  # the tree has grown since its last tile was read
            reader.forget()
            self._leaves.append(self._leaves.grown(head.size, reader.read))
        if self._leaves.size < head.size:
            there = self._leaves.size
            self._leaves.cut(before)
            raise TreeNotWhole(_missing(there, head.size))
        if self._leaves.root() != head.root:
            self._leaves.cut(before)
            raise HistoryRewritten(f"the hashes of the tree are not those of head {published.signed.number}")
        self.seen = Witness(seen=published)

    def _store(self) -> None:
        """Store the hashes, and after them the head."""
        if self.seen is None or self.seen is self._stored_head:
            return
        write_hashes(self._file, self._stored, self._leaves)
        self._reads.store()
        write_durably(self._state, f"{self.seen.seen.line}\n")
        self._stored, self._stored_head = self._leaves.size, self.seen


def _missing(there: int, signed: int) -> str:
    return (
        f"the gateway has the hashes of {counted(there, 'commit')} only, but signed {counted(signed, 'commit')}: the "
        "tree is made again, or its end was cut off"
    )
