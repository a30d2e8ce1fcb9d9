"""The addresses that webhooks may call."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from kinolog.webhooks.address import AddressRules, UnusableAddress, parse_webhook_address, usable_ips

PUBLIC, OPEN = AddressRules(), AddressRules(allow_http=True, networks=(ip_network("127.0.0.0/8"),))
MAIL = AddressRules(recipients=(["*"],))

CLOSED = """
10.0.0.1 172.16.0.1 192.168.1.1 127.0.0.1 0.0.0.0 255.255.255.255 169.254.169.254 100.100.100.200 168.63.129.16
192.0.0.192 198.18.0.1 224.0.0.1 240.0.0.1 ::1 :: fe80::1 fec0::1 fd00:ec2::254 ff02::1 ::ffff:10.0.0.1 ::10.0.0.1
64:ff9b::a00:1 64:ff9b:1::1 2002:a00:1:: 2001::f5ff:fffe 2606:4700::5efe:a00:1 2606:4700::200:5efe:a00:1
"""


@pytest.mark.parametrize("text", CLOSED.split())
def test_addresses_that_are_not_public_are_refused(text: str) -> None:
    """So are those of IPv6 behind which there is one of IPv4, and those of metadata services."""
    with pytest.raises(UnusableAddress, match="no public address"):
        PUBLIC.check_ip(ip_address(text))


@pytest.mark.parametrize("text", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_may_be_called(text: str) -> None:
    """An address of IPv4 in one of IPv6 counts as itself."""
    PUBLIC.check_ip(ip_address(text))


def test_an_allowed_network_may_be_called() -> None:
    """In either form, and nothing beside it."""
    for text in ("127.0.0.1", "::ffff:127.0.0.1"):
        OPEN.check_ip(ip_address(text))
    with pytest.raises(UnusableAddress):
        OPEN.check_ip(ip_address("10.0.0.1"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ftp://example.com", "must begin with https://"),
        ("mailto:ada@example.com", "KINOLOG_SMTP_URL"),
        ("http://example.com", "KINOLOG_WEBHOOK_HTTP"),
        ("https://", "must be an address"),
        ("https:///path", "must be an address"),
        ("https://a..example/", "must be an address"),
        (f"https://{'a' * 64}.example/", "must be an address"),
        ("https://example.com:0/", "must be an address"),
        ("https://example.com:99999/", "must be an address"),
        ("https://[::1", "must be an address"),
        ("https://example.com\\@10.0.0.1/", "must be an address"),
        ("https://ada:secret@example.com/", "no user name"),
        ("https://example.com/#a", "fragment"),
        ("https://example.com/\r\nX: 1", "visible ASCII"),
        ("https://bücher.example/", "punycode"),
        ("https://example.com/" + "a" * 2000, "at most 2000"),
        ("https://10.0.0.1/", "KINOLOG_WEBHOOK_NETWORKS"),
        ("https://[::ffff:127.0.0.1]:8443/", "KINOLOG_WEBHOOK_NETWORKS"),
    ],
)
def test_what_is_no_address_of_a_webhook(text: str, problem: str) -> None:
    """It is refused in words that say what to do, and that quote no secret."""
    with pytest.raises(UnusableAddress) as refused:
        parse_webhook_address(text, PUBLIC)
    assert problem in str(refused.value)
    assert "secret" not in str(refused.value)


def test_what_messages_name() -> None:
    """Host and port, never the path or the query."""
    for text, receiver in (
        ("https://Example.com/hook?token=1", "https://example.com"),
        ("http://127.0.0.1:3000/hook", "http://127.0.0.1:3000"),
        ("https://[2606:4700::1111]/hook", "https://[2606:4700::1111]"),
    ):
        assert parse_webhook_address(text, OPEN).receiver == receiver
    mail = parse_webhook_address("mailto:ada@example.com", MAIL)
    assert (mail.mailbox, mail.receiver) == ("ada@example.com", "mailto:…@example.com")


@pytest.mark.parametrize(
    "mailbox",
    [
        "",
        "ada",
        "a@b@c",
        "a@b?cc=c@d",
        "a@b,c@d",
        "a@b%0Abcc:c@d",
        "eve%other.example@b.example",
        "other.example!eve@b.example",
        "<a@b>",
        ".a@b",
        "=?utf-8?q?x=0D=0ABcc=3Ae?=@b",
    ],
)
def test_a_mailbox_is_one_plain_mailbox(mailbox: str) -> None:
    """Nothing in it can become another recipient or a header."""
    with pytest.raises(UnusableAddress, match="one mailbox"):
        parse_webhook_address(f"mailto:{mailbox}", MAIL)


@pytest.mark.parametrize(
    ("narrower", "allowed"),
    [
        (None, "ada@example.com eve@EXAMPLE.com"),
        (["Ada@example.com"], "ada@example.com"),
        (["*"], "ada@example.com eve@EXAMPLE.com"),
        ([], ""),
    ],
)
def test_who_gets_mail(narrower: list[str] | None, allowed: str) -> None:
    """Mailboxes that the installation allows, and the list of the tenant too, if it has one."""
    rules = AddressRules(recipients=(["example.com"],)).narrowed(narrower)
    for mailbox in ("ada@example.com", "eve@EXAMPLE.com", "ada@sub.example.com", "ada@badexample.com"):
        if mailbox in allowed.split():
            assert parse_webhook_address(f"mailto:{mailbox}", rules).mailbox == mailbox
        else:
            with pytest.raises(UnusableAddress, match="KINOLOG_MAIL_RECIPIENTS") as refused:
                parse_webhook_address(f"mailto:{mailbox}", rules)
            assert "ada" not in str(refused.value)


def test_a_name_with_one_private_address_is_refused() -> None:
    """Who may answer at a public address could else choose a private one for the next call. It is not told which."""
    assert usable_ips("a.example", ["1.1.1.1", "1.1.1.1"], PUBLIC) == ["1.1.1.1"]
    with pytest.raises(UnusableAddress, match="example has an address that must not be called") as refused:
        usable_ips("a.example", ["1.1.1.1", "fe80::1%eth0"], PUBLIC)
    assert "fe80" not in str(refused.value)
