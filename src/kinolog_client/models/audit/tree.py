"""The tree over all commits: signed heads, tiles and proofs. Hashes are in hexadecimal."""

from __future__ import annotations

from datetime import datetime

from kinolog_client.models.base import ClientModel


class HeadPlaceInfo(ClientModel):
    """A place outside of kinolog, and the last head that it took. A timestamping authority gives a receipt."""

    name: str
    number: int
    sent_at: datetime | None
    has_receipt: bool = False


class ReadTreeHeadInfo(ClientModel):
    """The tree over all batches of recorded reads, as a signed head states it."""

    origin: str
    size: int
    root: str


class TreeHeadInfo(ClientModel):
    """A signed head of the tree. `note` is what was signed. `consistency` proves that it continues the head before.

    The last head has the `places` outside that have heads, for operators.
    `reads` is the tree over recorded reads, and `reads_consistency` proves the same of it; None without any.
    """

    number: int
    origin: str
    size: int
    root: str
    signed_at: datetime | None
    key_id: str
    key: str
    note: str
    consistency: tuple[str, ...] = ()
    places: tuple[HeadPlaceInfo, ...] = ()
    reads: ReadTreeHeadInfo | None = None
    reads_consistency: tuple[str, ...] = ()


class TreeHeadListInfo(ClientModel):
    """Signed heads, oldest first. `next_after` reads those that follow; None if there is none."""

    heads: tuple[TreeHeadInfo, ...]
    next_after: int | None = None


class TreeTileInfo(ClientModel):
    """A tile of the tree. `hashes` is base64 of its hashes, 32 bytes each, one after the other."""

    level: int
    index: int
    hashes: str


class InclusionInfo(ClientModel):
    """The proof that a commit is in the tree. `commit` is base64 of the bytes that are stored."""

    position: int
    job_id: str
    commit: str
    leaf_hash: str
    tree_size: int
    root: str
    hashes: tuple[str, ...]
    head: TreeHeadInfo | None = None


class ReadsProofInfo(ClientModel):
    """The proof that a batch of recorded reads is in the tree over reads of `head`. `stored_batch` is base64."""

    batch: int
    stored_batch: str
    leaf_hash: str
    hashes: tuple[str, ...]
    head: TreeHeadInfo


class ConsistencyInfo(ClientModel):
    """The proof that a tree begins with all commits of an earlier one."""

    old_size: int
    old_root: str
    new_size: int
    new_root: str
    hashes: tuple[str, ...]
    old_head: TreeHeadInfo | None = None
    new_head: TreeHeadInfo | None = None
