"""The addresses that webhooks may call: parsed, and compared with the networks that nobody may reach through them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import urlsplit

IpAddress: TypeAlias = IPv4Address | IPv6Address
IpNetwork: TypeAlias = IPv4Network | IPv6Network

MAX_ADDRESS_LENGTH = 2_000
MAX_LABEL_LENGTH = 63
"""Most characters between two dots of a name."""
MAIL_SCHEME = "mailto"
EVERYONE = "*"
"""What a list of recipients has to allow every mailbox."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_VISIBLE = re.compile(r"[!-~]+")
_MAILBOX = re.compile(r"[A-Za-z0-9#$&'*+/=^_`{|}~.-]{1,64}@([A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}")
"""Without % and !, with which mail servers that trust the sender pass an e-mail on to another domain."""
_RECIPIENT = re.compile(r"([!-?A-~]+@)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")

_REFUSED = (
    ip_network("192.0.0.0/24"),  # the network of protocols: addresses of metadata services too
    ip_network("192.88.99.0/24"),  # relays of 6to4
    ip_network("168.63.129.16/32"),  # the host of virtual machines in Azure
    ip_network("64:ff9b:1::/48"),  # NAT64 of a local network
    ip_network("fec0::/10"),  # site-local
)
"""Refused beside what `is_global` excludes, which differs between versions of Python."""
_NAT64 = ip_network("64:ff9b::/96")
_COMPATIBLE = ip_network("::/96")


class UnusableAddress(ValueError):
    """An address that no webhook may have. The message says why, and never quotes more of it than host and port."""


def is_recipient(text: str) -> bool:
    """Return whether a text can be in a list of recipients: a mailbox, a domain or `*`."""
    return text == EVERYONE or _RECIPIENT.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRules:
    """What is allowed beyond public hosts over HTTPS.

    `allow_http` allows HTTP, whose messages others can read. `networks` may be reached although they are not public.
    `recipients` are lists of mailboxes, domains and `*`: e-mail goes to mailboxes that each list allows, and to none
    without a list.
    """

    allow_http: bool = False
    networks: tuple[IpNetwork, ...] = ()
    recipients: tuple[Collection[str], ...] = ()

    def narrowed(self, recipients: Collection[str] | None) -> AddressRules:
        """Return the rules with one more list of recipients; the same ones for None."""
        if recipients is None or not self.recipients:
            return self
        return replace(self, recipients=(*self.recipients, recipients))

    def check_mailbox(self, mailbox: str) -> None:
        """Raise `UnusableAddress` for a mailbox that gets no e-mail."""
        if not self.recipients:
            raise UnusableAddress(
                "is a mailbox, and this kinolog sends no e-mail. Whoever runs it can name a mail server: "
                "KINOLOG_SMTP_URL"
            )
        named = {EVERYONE, mailbox.lower(), mailbox.lower().rpartition("@")[2]}
        if not all(named.intersection(map(str.lower, allowed)) for allowed in self.recipients):
            raise UnusableAddress(
                "is a mailbox that gets no e-mail from this kinolog. Whoever runs it can allow the mailbox or its "
                "domain: KINOLOG_MAIL_RECIPIENTS, or mail_recipients in the file of tenants"
            )

    def check_ip(self, address: IpAddress) -> None:
        """Raise `UnusableAddress` for an address that is neither public nor in an allowed network."""
        direct = _embedded_ipv4(address, mapped_only=True) or address
        if any(direct in network for network in self.networks if network.version == direct.version):
            return
        for meant in (direct, _embedded_ipv4(address) or direct):
            if not _is_public(meant):
                raise UnusableAddress(
                    f"{address} is no public address. Whoever runs kinolog can allow its network: "
                    "KINOLOG_WEBHOOK_NETWORKS"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAddress:
    """A parsed address. `text` is what was given; an address of `mailto` has a mailbox instead of host and port."""

    text: str
    scheme: str
    host: str = ""
    port: int = 0
    mailbox: str = ""

    @property
    def receiver(self) -> str:
        """What messages name: the origin, or the domain of the mailbox. Paths and queries may hold secrets."""
        if self.scheme == MAIL_SCHEME:
            return f"{MAIL_SCHEME}:…@{self.mailbox.rpartition('@')[2]}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def parse_webhook_address(text: str, rules: AddressRules) -> WebhookAddress:
    """Return a parsed address. Raises `UnusableAddress`."""
    if len(text) > MAX_ADDRESS_LENGTH:
        raise UnusableAddress(f"must have at most {MAX_ADDRESS_LENGTH} characters")
    if not _VISIBLE.fullmatch(text):
        raise UnusableAddress("must be visible ASCII characters; write other letters of a host as punycode")
    scheme = text.partition(":")[0].lower()
    if scheme == MAIL_SCHEME:
        address = _parsed_mailbox(text)
        rules.check_mailbox(address.mailbox)
        return address
    if scheme not in _DEFAULT_PORTS:
        schemes = ["https://", *["http://"] * rules.allow_http, *["mailto:"] * bool(rules.recipients)]
        raise UnusableAddress(f"must begin with {' or '.join(schemes)}")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UnusableAddress("must be an address such as https://example.com/kinolog") from None
    if not _is_host(host) or port == 0 or "\\" in text:
        raise UnusableAddress("must be an address such as https://example.com/kinolog")
    if parts.username is not None or parts.password is not None:
        raise UnusableAddress("must have no user name and no password; calls are signed instead")
    if "#" in text:
        raise UnusableAddress("must have no fragment (#…)")
    if scheme == "http" and not rules.allow_http:
        raise UnusableAddress(
            "must begin with https://. Whoever runs kinolog can allow http://: KINOLOG_WEBHOOK_HTTP=true"
        )
    if (literal := _literal(host)) is not None:
        rules.check_ip(literal)
    return WebhookAddress(text=text, scheme=scheme, host=host, port=port or _DEFAULT_PORTS[scheme])


def usable_ips(host: str, found: Sequence[str], rules: AddressRules) -> list[str]:
    """Return the addresses that a name has, each once. Raises `UnusableAddress` if one of them must not be called.

    A name with one private address is refused with all: nobody can say which of them a later call meets.
    """
    addresses = list(dict.fromkeys(found))
    for text in addresses:
        try:
            rules.check_ip(ip_address(text.partition("%")[0]))
        except UnusableAddress:
            # Its message has the address, and addresses of private networks are no business of tenants.
            raise UnusableAddress(
                f"{host} has an address that must not be called, since it is not public. Whoever runs kinolog can "
                "allow its network: KINOLOG_WEBHOOK_NETWORKS"
            ) from None
    return addresses


def _parsed_mailbox(text: str) -> WebhookAddress:
    mailbox = text.partition(":")[2]
    if not _MAILBOX.fullmatch(mailbox) or ".." in mailbox or mailbox.startswith("."):
        raise UnusableAddress("must be one mailbox, such as mailto:ada@example.com")
    return WebhookAddress(text=text, scheme=MAIL_SCHEME, mailbox=mailbox)


def _is_host(host: str) -> bool:
    """Return whether a host is a literal address, or a name that can be resolved: its parts have 1 to 63 characters."""
    return ":" in host or all(
        0 < len(label) <= MAX_LABEL_LENGTH for label in host.removesuffix(".").split(".")
    )


def _literal(host: str) -> IpAddress | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _is_public(address: IpAddress) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _REFUSED if network.version == address.version)
    )


def _embedded_ipv4(address: IpAddress, *, mapped_only: bool = False) -> IPv4Address | None:
    """Return the address of IPv4 that packets to this one of IPv6 can end at; None if there is none."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None or mapped_only:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    is_isatap = int(address) >> 32 & 0xFDFFFFFF == 0x5EFE
    return last if address in _NAT64 or address in _COMPATIBLE or is_isatap else None
