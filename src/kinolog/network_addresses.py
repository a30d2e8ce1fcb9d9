"""Addresses in settings: their types, which refuse what is none, and what is said of an address."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

NATS_SCHEMES = ("nats", "tls", "ws", "wss")
ENCRYPTED_NATS_SCHEMES = frozenset({"tls", "wss"})
POSTGRES_SCHEMES = ("postgresql", "postgres")
GRPC_SCHEMES = ("dns:", "unix:", "ipv4:", "ipv6:", "xds:")


def _has_address(url: str, schemes: tuple[str, ...]) -> bool:
    """Return whether a URL has one of these schemes, a host and a valid port."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def nats_urls(value: str) -> list[str]:
    """Return the URLs of servers of NATS in a list that is separated by commas."""
    return [url.strip() for url in value.split(",") if url.strip()]


def nats_schemes(value: str) -> set[str]:
    """Return the schemes in such a list, in lower case. A URL without one has `nats`."""
    return {url.partition("://")[0].lower() if "://" in url else "nats" for url in nats_urls(value)}


def _nats_url(value: str) -> str:
    urls = nats_urls(value)
    with_scheme = [url if "://" in url else f"nats://{url}" for url in urls]
    if not urls or not all(_has_address(url, NATS_SCHEMES) for url in with_scheme):
        raise ValueError("must be one or more URLs such as nats://host:4222, separated by commas")
    return value


def _database_url(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if not url.startswith(tuple(f"{scheme}://" for scheme in POSTGRES_SCHEMES)):
        raise ValueError("must be a URL such as postgresql://user:password@host:5432/database")
    return value


def _grpc_target(value: str) -> str:
    host, _, port = value.rpartition(":")
    plain = bool(host) and "/" not in value and port.isdigit() and 0 < int(port) <= 65535
    if not plain and not value.startswith(GRPC_SCHEMES):
        raise ValueError("must be host:port, such as 127.0.0.1:50051")
    return value


def _chat_url(value: str) -> str:
    if not _has_address(value, ("http", "https")):
        raise ValueError("must be an address such as http://127.0.0.1:11434/v1")
    return value


def _smtp_url(value: str) -> str:
    parts = urlsplit(value)
    if (
        not _has_address(value, ("smtp", "smtps"))
        or value.lower().rstrip("/") != f"{parts.scheme}://{parts.netloc}".lower()
    ):
        raise ValueError(
            "must be a mail server such as smtp://mail.example.com:587 or smtps://mail.example.com"
        )
    if "@" in parts.netloc:
        raise ValueError(
            "must have no user name and no password: KINOLOG_SMTP_USER and KINOLOG_SMTP_PASSWORD_FILE have them"
        )
    return value


def _network(value: str) -> str:
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        raise ValueError("must be addresses and networks such as 10.0.0.0/8, separated by commas") from None
    return str(network)


def _web_origin(value: str) -> str:
    parts = urlsplit(value)
    if value != "*" and (
        not _has_address(value, ("http", "https")) or value != f"{parts.scheme}://{parts.netloc}"
    ):
        raise ValueError("must be origins such as https://studio.example, separated by commas, or *")
    return value.lower()


def is_issuer_address(value: str) -> bool:
    """Return whether what an identity provider says may be read from an address: HTTPS, or this machine."""
    is_plain = _has_address(value, ("http",)) and is_loopback(urlsplit(value).hostname or "")
    return (is_plain or _has_address(value, ("https",))) and "@" not in urlsplit(value).netloc


def _issuer_url(value: str) -> str:
    if not is_issuer_address(value) or any(character in value for character in "?# "):
        raise ValueError(
            "must be https:// addresses such as https://login.example/realms/studio, separated by commas"
        )
    return value


Port = Annotated[int, Field(ge=0, le=65535)]
NatsUrl = Annotated[str, AfterValidator(_nats_url)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
Network = Annotated[str, AfterValidator(_network)]
WebOrigin = Annotated[str, AfterValidator(_web_origin)]
SmtpUrl = Annotated[str, AfterValidator(_smtp_url)]
ChatUrl = Annotated[str, AfterValidator(_chat_url)]
IssuerUrl = Annotated[str, AfterValidator(_issuer_url)]
GrpcTarget = Annotated[str, AfterValidator(_grpc_target)]


def without_credentials(url: str) -> str:
    """Return a URL without user and password, for messages."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}" if separator else url


def without_secrets(url: str) -> str:
    """Return a URL without user, password and query, which often has a token, for messages."""
    address, question, _ = without_credentials(url).partition("?")
    return f"{address}?…" if question else address


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
