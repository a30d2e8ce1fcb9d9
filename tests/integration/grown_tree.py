"""A stored tree with all that is archived."""

from __future__ import annotations

from kinolog_projector.tree.commit_tree import COMMITS, CommitTree, StoredTree

from kinolog.readmodel.database import Connection


async def grown(connection: Connection, stored: StoredTree = COMMITS) -> CommitTree:
    """Return the tree over commits, or that over reads."""
    tree = await CommitTree.open(connection, stored)
    while await tree.grow():
        pass
    return tree
