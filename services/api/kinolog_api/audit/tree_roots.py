"""Roots over ranges of the tree's leaves, from its stored tiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from grpc import StatusCode

from kinolog.merkle.hash_tiles import HashTileId, MissingHashes, range_root
from kinolog.merkle.leaf_range import LeafRange
from kinolog_api.rpc.errors import RpcError


def roots_over(ranges: Iterable[LeafRange], tiles: Mapping[HashTileId, bytes]) -> list[bytes]:
    """Return the root over each range. Raises UNAVAILABLE if tiles are missing: while the tree is made again."""
    try:
        return [range_root(leaves, tiles) for leaves in ranges]
    except MissingHashes as error:
        message = f"the tree over all commits is made again, or damaged: {error}; kinolog doctor says more"
        raise RpcError(StatusCode.UNAVAILABLE, "TREE_INCOMPLETE", message) from error
