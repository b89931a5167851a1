"""Addresses at which no hub lives, and which give secrets to whoever asks: the one list of them.

Plain Python without pydantic: the download, which has to start fast, reads it too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# RFC 3927 and RFC 4291. The metadata services of most clouds are in the first.
LINK_LOCAL = (ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/10"))
# Those that are not link-local, each with whose documents say so.
METADATA: Mapping[Address, str] = {
    # AWS, "IPv6 on AWS", Supporting Amazon VPC services; Amazon EKS, Pod Identity agent.
    ipaddress.ip_address("fd00:ec2::254"): "Amazon EC2",
    ipaddress.ip_address("fd00:ec2::23"): "Amazon EKS",
    # Google, Compute Engine, "About VM metadata": of instances with IPv6 alone.
    ipaddress.ip_address("fd20:ce::254"): "Google Cloud",
    # Oracle, OCI SDK: what it asks where 169.254.169.254 does not answer.
    ipaddress.ip_address("fd00:c1::a9fe:a9fe"): "Oracle Cloud",
    # Alibaba Cloud, ECS user guide, "Instance metadata".
    ipaddress.ip_address("100.100.100.200"): "Alibaba Cloud",
    # Microsoft, "What is IP address 168.63.129.16": the wire server of each machine.
    ipaddress.ip_address("168.63.129.16"): "Azure",
}
# Google, "About VM metadata". A proxy would resolve them for us.
NAMES = frozenset({"metadata.google.internal", "metadata.goog"})
BEHIND_NAMES = ipaddress.ip_address("169.254.169.254")
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
COMPATIBLE = ipaddress.ip_network("::/96")  # RFC 4291, deprecated
BITS = 32


def networks(words: Iterable[str]) -> tuple[Network, ...]:
    """Addresses or networks that are allowed all the same; ValueError for what is neither."""
    return tuple(ipaddress.ip_network(word, strict=False) for word in words)


def objection(host: str, *, allowed: Iterable[Network] = ()) -> str | None:
    """Why a host as written in a URL is refused; of a name only what the name itself tells."""
    name = host.lower().rstrip(".")
    if name in NAMES:
        return None if _within(BEHIND_NAMES, allowed) else "the metadata service of Google Cloud"
    found = written(name)
    return against(found, allowed=allowed) if found is not None else None


def against(address: Address, *, allowed: Iterable[Network] = ()) -> str | None:
    """Why an address is refused, in whatever it may be wrapped."""
    allowed = tuple(allowed)
    for each in (address, *inside(address)):
        if (what := _what(each)) is not None and not _within(each, allowed):
            return what
    return None


def inside(address: Address) -> tuple[Address, ...]:
    """The IPv4 address that some IPv6 addresses stand for."""
    if address.version == 4:  # noqa: PLR2004 - the number of the protocol
        return ()
    found = [address.ipv4_mapped, address.sixtofour]
    if address in NAT64 or (address in COMPATIBLE and int(address) >> 16):
        found.append(ipaddress.IPv4Address(int(address) & (1 << BITS) - 1))
    return tuple(each for each in found if each is not None)


def written(host: str) -> Address | None:
    """The address that a host is, also in the spellings that only the C library reads."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return _as_numbers(host)


def host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # a bracket that is never closed
        return None


def _as_numbers(host: str) -> Address | None:
    """`2852039166`, `0xa9fe.0251.43518`: one to four numbers, the last fills what is left."""
    parts = [_number(word) for word in host.split(".")]
    if len(parts) > 4 or None in parts:  # noqa: PLR2004 - bytes of an address
        return None
    *first, last = (part for part in parts if part is not None)
    left = BITS - 8 * len(first)
    if any(part > 255 for part in first) or last >= 1 << left:  # noqa: PLR2004 - a byte
        return None
    high = sum(part << 24 - 8 * place for place, part in enumerate(first))
    return ipaddress.IPv4Address(high | last)


def _number(word: str) -> int | None:
    if not word.isascii() or not word.isalnum():
        return None
    octal = word.startswith("0") and word.isdigit() and len(word) > 1
    try:
        return int(word, 8) if octal else int(word, 16 if word.startswith("0x") else 10)
    except ValueError:
        return None


def _what(address: Address) -> str | None:
    if any(address in network for network in LINK_LOCAL):
        return f"the link-local address {address}"
    whose = METADATA.get(address)
    return f"{address}, the metadata service of {whose}" if whose else None


def _within(address: Address, allowed: Iterable[Network]) -> bool:
    return any(address in network for network in allowed)
