"""Signed heads of the tree over all commits, its tiles, and proofs. Hashes are in hexadecimal."""

from __future__ import annotations

import base64
from datetime import datetime

from pydantic import Field

from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.enum_names import optional_field, time_field
from kinolog_gateway.responses.job_parts import ResponseModel


class ReadTreeHeadView(ResponseModel):
    """The tree over all batches of recorded reads, as a signed head states it."""

    origin: str = Field(
        description="Name of the record, which follows from its first batch.",
        examples=["kinolog-reads/6e340b9cffb37a98"],
    )
    size: int = Field(description="Number of batches in the tree.", examples=[340])
    root: str = Field(description="Root of the tree, after RFC 6962.")


class TreeHeadView(ResponseModel):
    """A signed head: size and root of the tree over all commits at a time."""

    number: int = Field(description="Number of the head, from 1.", examples=[7])
    origin: str = Field(
        description="Name of the log, which follows from its first commit.",
        examples=["kinolog-log/6e340b9cffb37a98"],
    )
    size: int = Field(description="Number of commits in the tree.", examples=[1200])
    root: str = Field(description="Root of the tree, after RFC 6962.")
    signed_at: datetime | None = Field(description="When it was signed.")
    key_id: str = Field(description="SHA-256 of the public key.")
    key: str = Field(description="The public Ed25519 key.")
    note: str = Field(description="The signed text, in the format of C2SP tlog-checkpoint.")
    reads: ReadTreeHeadView | None = Field(
        description="The tree over recorded reads; null if nothing was recorded when it was signed."
    )


class HeadPlaceView(ResponseModel):
    """A place outside of kinolog, and the last head that it took."""

    name: str = Field(description="Its address, without credentials.", examples=["s3://bucket/heads"])
    number: int = Field(description="Number of that head.", examples=[7])
    sent_at: datetime | None = Field(description="When it took that head.")
    has_receipt: bool = Field(
        description="Whether it gave something for the head, such as a timestamp token."
    )


class LastTreeHeadView(TreeHeadView):
    """The last signed head, with the places outside that have heads."""

    places: list[HeadPlaceView] = Field(
        description="Places outside of kinolog that have heads, by name. For operators: empty for a key of one tenant."
    )


class LinkedTreeHeadView(TreeHeadView):
    """A signed head, with the proof that it continues the one before."""

    consistency: list[str] = Field(
        description="Hashes that prove that its tree begins with that of the head before, after RFC 9162."
    )
    reads_consistency: list[str] = Field(description="The same of the tree over recorded reads.")


class TreeHeadListView(ResponseModel):
    """Signed heads, oldest first."""

    heads: list[LinkedTreeHeadView]
    next_after: int | None = Field(
        description="Value of `after` for the heads that follow; null if there is no head."
    )


class TreeTileView(ResponseModel):
    """A tile of the tree: neighbouring hashes of one level, 256 or, at the end of the level, fewer."""

    level: int
    index: int
    hashes: str = Field(description="The hashes, 32 bytes each, one after the other, in base64.")


class InclusionView(ResponseModel):
    """The proof that a commit is in the tree."""

    position: int = Field(
        description="Position of the commit. Its leaf has the number before: leaves count from 0."
    )
    job_id: str
    commit: str = Field(
        description="The commit as it is stored, in base64: the leaf. Texts in it are sealed."
    )
    leaf_hash: str = Field(description="Hash of the leaf, after RFC 6962.")
    tree_size: int = Field(description="Number of commits in the tree.")
    root: str = Field(description="Root of the tree.")
    hashes: list[str] = Field(description="The hashes that prove it, after RFC 9162, section 2.1.3.")
    head: TreeHeadView | None = Field(
        description="A signed head of this tree; null if none with this size is signed."
    )


class ReadsProofView(ResponseModel):
    """The proof that a batch of recorded reads is in the tree over reads."""

    batch: int = Field(
        description="Number of the batch. Its leaf has the number before: leaves count from 0."
    )
    stored_batch: str = Field(
        description="The batch as it is stored, in base64: the leaf. Addresses in it are sealed."
    )
    leaf_hash: str = Field(description="Hash of the leaf, after RFC 6962.")
    hashes: list[str] = Field(description="The hashes that prove it, after RFC 9162, section 2.1.3.")
    head: TreeHeadView = Field(description="The signed head whose text states the tree.")


class ConsistencyView(ResponseModel):
    """The proof that a tree begins with all commits of an earlier one."""

    old_size: int
    old_root: str
    new_size: int
    new_root: str
    hashes: list[str] = Field(description="The hashes that prove it, after RFC 9162, section 2.1.4.")
    old_head: TreeHeadView | None = Field(
        description="A signed head of the earlier tree; null if there is none."
    )
    new_head: TreeHeadView | None = Field(
        description="A signed head of the later tree; null if there is none."
    )


def tree_head_view(head: audit.TreeHead) -> TreeHeadView:
    """Return a head."""
    return TreeHeadView(
        number=head.number,
        origin=head.origin,
        size=head.size,
        root=head.root,
        signed_at=time_field(head, "signed_at"),
        key_id=head.key_id,
        key=head.key,
        note=head.note,
        reads=ReadTreeHeadView(origin=head.reads.origin, size=head.reads.size, root=head.reads.root)
        if head.HasField("reads")
        else None,
    )


def last_tree_head_view(response: audit.GetTreeHeadResponse) -> LastTreeHeadView:
    """Return the last head with its places."""
    places = [
        HeadPlaceView(
            name=place.name,
            number=place.number,
            sent_at=time_field(place, "sent_at"),
            has_receipt=place.has_receipt,
        )
        for place in response.places
    ]
    return LastTreeHeadView(places=places, **tree_head_view(response.head).model_dump())


def tree_heads_view(response: audit.ListTreeHeadsResponse) -> TreeHeadListView:
    """Return a list of heads."""
    heads = [
        LinkedTreeHeadView(
            consistency=list(head.consistency),
            reads_consistency=list(head.reads.consistency),
            **tree_head_view(head).model_dump(),
        )
        for head in response.heads
    ]
    return TreeHeadListView(heads=heads, next_after=heads[-1].number if heads else None)


def tree_tile_view(level: int, index: int, response: audit.GetTreeTileResponse) -> TreeTileView:
    """Return a tile."""
    return TreeTileView(level=level, index=index, hashes=base64.b64encode(response.hashes).decode("ascii"))


def inclusion_view(proof: audit.GetInclusionProofResponse) -> InclusionView:
    """Return the proof of a commit."""
    return InclusionView(
        position=proof.position,
        job_id=proof.job_id,
        commit=base64.b64encode(proof.stored_commit).decode("ascii"),
        leaf_hash=proof.leaf_hash,
        tree_size=proof.tree_size,
        root=proof.root,
        hashes=list(proof.hashes),
        head=_optional_head(proof, "head"),
    )


def reads_proof_view(proof: audit.ProveReadsResponse) -> ReadsProofView:
    """Return the proof of a batch of reads."""
    return ReadsProofView(
        batch=proof.batch,
        stored_batch=base64.b64encode(proof.stored_batch).decode("ascii"),
        leaf_hash=proof.leaf_hash,
        hashes=list(proof.hashes),
        head=tree_head_view(proof.head),
    )


def consistency_view(proof: audit.GetConsistencyProofResponse) -> ConsistencyView:
    """Return the proof that a tree begins with an earlier one."""
    return ConsistencyView(
        old_size=proof.old_size,
        old_root=proof.old_root,
        new_size=proof.new_size,
        new_root=proof.new_root,
        hashes=list(proof.hashes),
        old_head=_optional_head(proof, "old_head"),
        new_head=_optional_head(proof, "new_head"),
    )


def _optional_head(
    proof: audit.GetInclusionProofResponse | audit.GetConsistencyProofResponse, field: str
) -> TreeHeadView | None:
    head = optional_field(proof, field)
    return None if head is None else tree_head_view(head)
