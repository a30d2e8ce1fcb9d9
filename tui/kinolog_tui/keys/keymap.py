"""The keys that a person chose, by the names of their bindings: what holds, what is refused, how a key is written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from textual.binding import Binding, InvalidBinding
from textual.keys import Keys, format_key

from kinolog_tui.keys.bindings import EVERYWHERE, KEY_GROUPS, KEYS, Key, KeyGroup

MODIFIERS = frozenset({"ctrl", "alt", "shift", "super", "hyper", "meta"})
NAMED = frozenset(name.value for name in Keys if name.value.isalnum())
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
"""Keys that are written as they are called, and not as their signs."""
GROUP_OF = {key.id: part for part in KEY_GROUPS for key in part.keys}
FIXED_KEYS = frozenset(one for key in KEYS.values() if key.fixed for one in key.keys.split(","))
CHANGEABLE = tuple(key for key in KEYS.values() if not key.fixed)


@lru_cache(256)
def normalized_keys(keys: str) -> tuple[str, ...]:
    """Each key as Textual spells it, such as `slash` for `/`. Raises InvalidBinding for an empty one."""
    return tuple(binding.key for binding in Binding.make_bindings([Binding(keys, "")]))


@lru_cache(256)
def display_key(key: str) -> str:
    """A key as people read it, such as `/`, `ctrl+s` or `esc`."""
    *modifiers, base = key.split("+")
    return "+".join([*modifiers, base if base in SPELLED_OUT else format_key(base)])


def keys_for(name: str, chosen: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of a binding: those that were chosen, else those it came with."""
    return normalized_keys(chosen.get(name, KEYS[name].keys))


def key_conflict(name: str, key: str, chosen: Mapping[str, str]) -> str:
    """Why a key cannot be the one of this binding, in words; empty when it can."""
    wanted, here = KEYS[name], display_key(key)
    if key in FIXED_KEYS or key in RESERVED_KEYS:
        return f"{here} {RESERVED_KEYS.get(key, 'stays as it is')}."
    if wanted.while_typing and _is_text(key):
        return f"{here} is text in a field, and this works there too: it needs ctrl, alt or a key such as f2."
    other = _conflicting_key(name, key, chosen)
    if other is not None:
        return f"{here} is “{other.words}” ({GROUP_OF[other.id].name})."
    return ""


def valid_keymap(saved: Mapping[str, Any]) -> dict[str, str]:
    """Those of the saved keys that can hold together; what is unknown, fixed, or clashes, is left out."""
    chosen: dict[str, str] = {}
    for name, keys in saved.items():
        if name in KEYS and not KEYS[name].fixed and isinstance(keys, str):
            try:
                each = normalized_keys(keys)
            except InvalidBinding:
                continue
            if all(_is_known_key(key) for key in each) and each != keys_for(name, {}):
                chosen[name] = ",".join(each)
    while wrong := [
        name for name in chosen if any(key_conflict(name, key, chosen) for key in _split(chosen[name]))
    ]:
        del chosen[wrong[-1]]
    return chosen


def _conflicting_key(name: str, key: str, chosen: Mapping[str, str]) -> Key | None:
    """Another binding that has this key where this one works. Two that came with the same key may share it."""
    for other in CHANGEABLE:
        if other.id == name or not _overlap(GROUP_OF[name], GROUP_OF[other.id]):
            continue
        came_together = key in _split(KEYS[name].keys) and key in _split(other.keys)
        if key in keys_for(other.id, chosen) and not came_together:
            return other
    return None


def _overlap(one: KeyGroup, other: KeyGroup) -> bool:
    return EVERYWHERE in (one, other) or bool(one.places & other.places)


def _is_text(key: str) -> bool:
    return key == "space" or len(format_key(key)) == 1


def _is_known_key(key: str) -> bool:
    *modifiers, base = key.split("+")
    return MODIFIERS.issuperset(modifiers) and (base in NAMED or len(format_key(base)) == 1)


def _split(keys: str) -> tuple[str, ...]:
    return tuple(keys.split(","))
