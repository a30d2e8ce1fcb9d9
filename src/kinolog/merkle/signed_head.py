"""A signed head of the tree, as it is stored: its number, its text with the signatures, and the key."""

from __future__ import annotations

from dataclasses import dataclass

from kinolog.merkle.signed_note import InvalidNote, NoteKey, verified_text
from kinolog.merkle.tree_head import TreeHead


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """A signed head: its number, the note, and the key that it names."""

    number: int
    key: NoteKey
    note: str

    @property
    def head(self) -> TreeHead:
        """What was signed. Raises `InvalidNote` if it was not signed by the key."""
        origin = self.note.partition("\n")[0]
        head = TreeHead.of(verified_text(self.note, origin, self.key))
        if head.origin != origin:
            raise InvalidNote("the note has another name than its signature")
        return head
