"""Secrets of the installation, from which the api derives ids and seals tickets. They are stored like keys of jobs."""

from __future__ import annotations

from kinolog.ports.event_store import LogUnavailable
from kinolog.ports.keys import KeyStore
from kinolog.privacy.origin_address import ADDRESS_INDEX
from kinolog.privacy.sealer import new_key


async def installation_secret(keys: KeyStore, name: str) -> bytes:
    """Return the secret with this name, of 32 bytes. It is made if there is none. Raises `LogUnavailable`."""
    stored = await keys.create({name: new_key()})
    if name not in stored:
        raise LogUnavailable(f"the key {name} is erased")
    return stored[name]


async def address_secret(keys: KeyStore) -> bytes:
    """Return the secret under which addresses of callers are hashed. Raises `LogUnavailable`."""
    return await installation_secret(keys, ADDRESS_INDEX)
