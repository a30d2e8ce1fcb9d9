"""Master keys: what they wrap, where they come from, and what is wrong with a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinolog.privacy.master_key_source import load_master_keys, new_master_key, parse_master_keys
from kinolog.privacy.master_keys import KeyNotUnwrapped, MasterKey, MasterKeys, MasterKeyUnusable
from kinolog.privacy.sealer import new_key
from kinolog.privacy.wrapped_keys import WrappedKeyStore
from kinolog.process.settings import MasterKeySettings
from tests.adapters.memory.keys import MemoryKeyStore

OLD, NEW = MasterKey(b"o" * 32), MasterKey(b"n" * 32)


def test_a_wrapped_key_unwraps_under_its_id_only() -> None:
    """A wrapped key hides the key, unwraps under its id and no other, and not after a change of any byte."""
    keys, key = MasterKeys([OLD]), new_key()
    wrapped = keys.wrap("k1", key)
    assert key not in wrapped
    assert keys.unwrap("k1", wrapped) == key
    with pytest.raises(KeyNotUnwrapped, match="damaged"):
        keys.unwrap("k2", wrapped)
    for place in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[place] ^= 1
        with pytest.raises(KeyNotUnwrapped):
            keys.unwrap("k1", bytes(changed))


def test_after_a_rotation_the_first_wraps_and_all_unwrap() -> None:
    """With a new key before the old one, old keys are read, and are not current any more."""
    key = new_key()
    wrapped = MasterKeys([OLD]).wrap("k1", key)
    both = MasterKeys([NEW, OLD])
    assert both.unwrap("k1", wrapped) == key
    assert not both.is_current(wrapped)
    assert both.is_current(both.wrap("k1", key))
    with pytest.raises(KeyNotUnwrapped, match=OLD.id.hex()):
        MasterKeys([NEW]).unwrap("k1", wrapped)


def test_a_bare_key_of_an_earlier_version_is_read() -> None:
    """32 bytes are a key that no master key wraps; it is not current."""
    keys, bare = MasterKeys([OLD]), new_key()
    assert keys.unwrap("k1", bare) == bare
    assert not keys.is_current(bare)
    assert not keys.is_current(keys.head + b"x" * 23)


async def test_another_master_key_is_found_at_the_start() -> None:
    """A store that one master key marked is refused with another one, and read with both."""
    stored = MemoryKeyStore()
    first = WrappedKeyStore(stored, MasterKeys([OLD]))
    assert not await first.check()
    await first.mark()
    assert await first.check()
    with pytest.raises(MasterKeyUnusable, match=OLD.id.hex()):
        await WrappedKeyStore(stored, MasterKeys([NEW])).check()
    assert not await WrappedKeyStore(stored, MasterKeys([NEW, OLD])).check()


def test_forms_of_keys() -> None:
    """Keys are hexadecimal or base64, on lines or between commas; comments and empty lines are skipped."""
    text = f"# two keys\n{NEW.secret.hex()}  # the new one\n\nb29vb29vb29vb29vb29vb29vb29vb29vb29vb29vb28=\n"
    assert parse_master_keys(text) == [NEW.secret, OLD.secret]
    assert parse_master_keys(f"{NEW.secret.hex()},{OLD.secret.hex()}") == [NEW.secret, OLD.secret]
    assert len(parse_master_keys(new_master_key())) == 1


@pytest.mark.parametrize("text", ["", "# nothing", "abc", "ff" * 31, "zz" * 32])
def test_a_malformed_key_is_refused_without_showing_it(text: str) -> None:
    """What is no key is refused, and the message does not quote it."""
    with pytest.raises(ValueError, match="key") as refused:
        parse_master_keys(text)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize("source", ["file", "variable", "command"])
def test_sources(source: str, tmp_path: Path) -> None:
    """A file, a variable and a command give the same keys."""
    path = tmp_path / "master key"
    path.write_text(OLD.secret.hex() + "\n", encoding="ascii")
    given: dict[str, dict[str, object]] = {
        "file": {"master_key_file": path},
        "variable": {"master_key": OLD.secret.hex()},
        "command": {"master_key_command": f"cat '{path}'"},
    }
    assert load_master_keys(_settings(**given[source])).ids == (OLD.id.hex(),)


def test_a_wrong_source_is_named(tmp_path: Path) -> None:
    """No source, two sources, a missing file, a failing command: the message names the setting and says what to do."""
    wrong: tuple[tuple[dict[str, object], str], ...] = (
        ({}, "set one of KINOLOG_MASTER_KEY_FILE"),
        ({"master_key": "ff" * 32, "master_key_command": "true"}, "exclude each other"),
        ({"master_key_file": tmp_path / "gone"}, "KINOLOG_MASTER_KEY_FILE: .*gone"),
        ({"master_key_command": "false"}, "KINOLOG_MASTER_KEY_COMMAND: the command ended with status 1"),
        ({"master_key_command": "kinolog-no-such-program"}, "KINOLOG_MASTER_KEY_COMMAND: "),
        ({"master_key": "x"}, "KINOLOG_MASTER_KEY: "),
    )
    for given, message in wrong:
        with pytest.raises(MasterKeyUnusable, match=message):
            load_master_keys(_settings(**given))


def _settings(**given: object) -> MasterKeySettings:
    unset = dict.fromkeys(("master_key_file", "master_key", "master_key_command"))
    return MasterKeySettings.model_validate(unset | given)


async def test_an_unreadable_key_hides_no_other() -> None:
    """A key whose bytes were changed is left out of many, like a missing one; read alone it is an error."""
    stored = MemoryKeyStore()
    keys, secrets = WrappedKeyStore(stored, MasterKeys([OLD])), {"k1": new_key(), "k2": new_key()}
    await keys.create(secrets)
    damaged = bytearray(await stored.get("k1") or b"")
    damaged[-1] ^= 1
    await stored.discard(["k1"])
    await stored.create({"k1": bytes(damaged)})
    assert await keys.get_many(["k1", "k2"]) == {"k2": secrets["k2"]}
    with pytest.raises(KeyNotUnwrapped, match="damaged"):
        await keys.get("k1")
    assert (await keys.get_wrapped(["k1"])).keys() == {"k1"}
