"""The addresses that commands come from: sealed in the log, and a keyed hash of each in the read models.

See docs/decisions/0138.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from kinolog.job.values import Sealed
from kinolog.privacy.sealer import Sealer

PURPOSE = "origin"
"""Of the sealed address of a command. It is storage."""

ADDRESS_INDEX = "address-index"
"""Id of the secret of the installation under which addresses are hashed. It is stored like keys of jobs."""


@dataclass(frozen=True, slots=True)
class OriginAddress:
    """The address of a caller. `via` is that of the gateway that named it, empty for a direct call."""

    address: str
    via: str


def seal_address(address: OriginAddress, sealer: Sealer) -> Sealed:
    """Return the sealed address. Raises `KeyErased`."""
    return sealer.seal(_sealed_text(address), PURPOSE)


@lru_cache(maxsize=256)
def _sealed_text(address: OriginAddress) -> str:
    return json.dumps([address.address, address.via])


def unseal_address(sealed: Sealed, sealer: Sealer) -> OriginAddress:
    """Return the address of a command. Raises `UnsealFailed`, `KeyErased`."""
    address, via = json.loads(sealer.unseal(sealed, PURPOSE))
    return OriginAddress(str(address), str(via))


def plain_address(text: str) -> str:
    """Return an address in the one way to write it; a text that is no address stays as it is."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return text
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def address_hash(secret: bytes, tenant: str, address: str) -> int:
    """Return the keyed hash of an address, by which commits of a tenant are found: 64 bits with a sign."""
    text = f"{tenant}\0{plain_address(address)}"
    return int.from_bytes(hmac.digest(secret, text.encode(), "sha256")[:8], "big", signed=True)
