"""Chosen keys by the ids of their bindings: which are valid, which conflict, how a key is displayed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from textual.binding import Binding, InvalidBinding
from textual.keys import Keys, format_key

from kinolog_tui.keys.bindings import EVERYWHERE, KEY_GROUPS, KEYS, Key, KeyGroup

MODIFIERS = frozenset({"ctrl", "alt", "shift", "super", "hyper", "meta"})
NAMED_KEYS = frozenset(name.value for name in Keys if name.value.isalnum())
RESERVED_KEYS = {
    "ctrl+q": "quits",
    "ctrl+c": "copies",
    "shift+tab": "goes to the part before",
    "ctrl+i": "is tab to most terminals",
    "ctrl+m": "is enter to most terminals",
    "ctrl+j": "is enter to some terminals",
    "ctrl+h": "is backspace to some terminals",
}
SPELLED_OUT = ("enter", "backspace", "delete")
"""Keys that are shown by their names and not by their symbols."""
GROUP_OF = {key.id: group for group in KEY_GROUPS for key in group.keys}
FIXED_KEYS = frozenset(one for key in KEYS.values() if key.fixed for one in key.keys.split(","))
CONFIGURABLE = tuple(key for key in KEYS.values() if not key.fixed)


@lru_cache(256)
def normalized_keys(keys: str) -> tuple[str, ...]:
    """Return each key by Textual's name, such as `slash` for `/`. Raises `InvalidBinding` for an empty key."""
    return tuple(binding.key for binding in Binding.make_bindings([Binding(keys, "")]))


@lru_cache(256)
def display_key(key: str) -> str:
    """Return a key as people write it, such as `/`, `ctrl+s` or `esc`."""
    *modifiers, base = key.split("+")
    return "+".join([*modifiers, base if base in SPELLED_OUT else format_key(base)])


def keys_for(name: str, chosen: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys of a binding: the chosen ones, else the default ones."""
    return normalized_keys(chosen.get(name, KEYS[name].keys))


def key_conflict(name: str, key: str, chosen: Mapping[str, str]) -> str:
    """Return why a binding cannot have a key; empty if it can."""
    binding, label = KEYS[name], display_key(key)
    if key in FIXED_KEYS or key in RESERVED_KEYS:
        return f"{label} {RESERVED_KEYS.get(key, 'stays as it is')}."
    if binding.while_typing and _is_text(key):
        return (
            f"{label} is text in a field, and this works there too: it needs ctrl, alt or a key such as f2."
        )
    other = _conflicting_key(name, key, chosen)
    if other is not None:
        return f"{label} is “{other.description}” ({GROUP_OF[other.id].name})."
    return ""


def valid_keymap(saved: Mapping[str, Any]) -> dict[str, str]:
    """Return the valid saved keys. Unknown and fixed bindings and conflicting keys are left out."""
    chosen: dict[str, str] = {}
    for name, keys in saved.items():
        if name in KEYS and not KEYS[name].fixed and isinstance(keys, str):
            try:
                each = normalized_keys(keys)
            except InvalidBinding:
                continue
            if all(_is_known_key(key) for key in each) and each != keys_for(name, {}):
                chosen[name] = ",".join(each)
    while conflicting := [
        name for name in chosen if any(key_conflict(name, key, chosen) for key in _split(chosen[name]))
    ]:
        del chosen[conflicting[-1]]
    return chosen


def _conflicting_key(name: str, key: str, chosen: Mapping[str, str]) -> Key | None:
    """Return another binding with this key in the same place. Two bindings with the same default key may share it."""
    for other in CONFIGURABLE:
        if other.id == name or not _overlap(GROUP_OF[name], GROUP_OF[other.id]):
            continue
        same_default = key in _split(KEYS[name].keys) and key in _split(other.keys)
        if key in keys_for(other.id, chosen) and not same_default:
            return other
    return None


def _overlap(one: KeyGroup, other: KeyGroup) -> bool:
    return EVERYWHERE in (one, other) or bool(one.places & other.places)


def _is_text(key: str) -> bool:
    return key == "space" or len(format_key(key)) == 1


def _is_known_key(key: str) -> bool:
    *modifiers, base = key.split("+")
    return MODIFIERS.issuperset(modifiers) and (base in NAMED_KEYS or len(format_key(base)) == 1)


def _split(keys: str) -> tuple[str, ...]:
    return tuple(keys.split(","))
