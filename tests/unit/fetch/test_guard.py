"""Which addresses are refused, in which spelling, and what is let through."""

from __future__ import annotations

import socket

import pytest

from flagos_operator.api import addresses
from flagos_operator.fetch import guard
from flagos_operator.fetch.reasons import FetchError, Reason


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.0.1",
        "2852039166",
        "0xA9FEA9FE",
        "0251.0376.0251.0376",
        "169.16689662",
        "169.254.43518",
        "fe80::1",
        "FE80::1%eth0",
        "::ffff:169.254.169.254",
        "::a9fe:a9fe",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "100.100.100.200",
        "168.63.129.16",
        "Metadata.Google.Internal",
        "metadata.google.internal.",
    ],
)
def test_refused(host: str):
    assert addresses.objection(host)
    with pytest.raises(FetchError) as told:
        guard.check_host(host, allowed=())
    assert told.value.reason is Reason.INVALID_SOURCE


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "100.100.100.201",
        "::1",
        "fd00:ec2::255",
        "::ffff:10.0.0.1",
        "hub.example",
        "169.254.169.254.example",
        "a9fea9fe",
        "1.2.3.4.5",
        "256.1.1.1",
        "08.1.1.1",
        "4294967296",
        "0x",
        "",
        "1..2",
    ],
)
def test_let_through(host: str):
    assert addresses.objection(host) is None


@pytest.mark.parametrize("host", ["2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.254.1"])
def test_numbers_are_read_as_the_c_library_reads_them(host: str):
    assert str(addresses.written(host.lower())) == socket.inet_ntoa(socket.inet_aton(host))


@pytest.mark.parametrize(
    ("host", "allowed", "refused"),
    [
        ("169.254.20.10", "169.254.20.10", False),
        ("::ffff:169.254.20.10", "169.254.20.0/24", False),
        ("169.254.20.11", "169.254.20.10", True),
        ("metadata.google.internal", "169.254.169.254", False),
        ("metadata.google.internal", "169.254.20.10", True),
        ("100.100.100.200", "100.64.0.0/10", False),
    ],
)
def test_only_what_is_allowed_is_let_through(host: str, allowed: str, refused: bool):  # noqa: FBT001
    found = addresses.objection(host, allowed=addresses.networks([allowed]))
    assert (found is not None) is refused


@pytest.mark.parametrize(
    "peer", [("169.254.1.1", 80), ("fe80::1%lo", 80, 0, 1), ("::ffff:169.254.1.1", 80, 0, 0)]
)
def test_a_connection_is_refused_before_it_is_made(peer: tuple[object, ...]):
    hook = guard.watching(())
    with pytest.raises(FetchError, match="leads to the link-local address"):
        hook("socket.connect", (None, peer))
    guard.watching(addresses.networks(["169.254.1.1", "fe80::1"]))("socket.connect", (None, peer))


@pytest.mark.parametrize("peer", [("10.0.0.1", 80), "/run/a.sock", b"x", ("name", 80), ()])
def test_other_connections_are_made(peer: object):
    guard.watching(())("socket.connect", (None, peer))
    guard.watching(())("open", ("169.254.1.1", None, None))
