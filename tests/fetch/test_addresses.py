"""A download never asks a link-local or metadata address, however it is led there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from testbed.hub.faults import Rule
from tests.fetch.lab import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fetch.lab import Lab, Result

    WithNames = Callable[..., Result]

# A name server of this machine's own: no other can be asked for names like these.
WITH_NAMES = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
ALLOWED = "FLAGOS_FETCH_ALLOWED_ADDRESSES"


@pytest.fixture
def with_names(lab: Lab) -> WithNames:
    if os.geteuid() != 0:
        pytest.skip("giving names to addresses for one process needs root")

    def fetch(names: dict[str, str], *more: str, **environ: str) -> Result:
        hosts = lab.volume.parent / "hosts"
        hosts.write_text("".join(f"{address} {name}\n" for name, address in names.items()))
        behind = ("unshare", "--mount", "sh", "-c", WITH_NAMES, "sh", str(hosts))
        return lab.finish(lab.start(*more, behind=behind, **environ))

    return fetch


def assert_refused(lab: Lab, result: Result, what: str) -> None:
    assert (result.reason, result.code) == ("InvalidSource", 20), result.log
    assert what in result.message
    assert "operand.fetch.allowedAddresses" in result.message
    assert not lab.place.exists()


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("169.254.169.254", "the link-local address 169.254.169.254"),
        ("fe80::1", "the link-local address fe80::1"),
        ("::ffff:169.254.169.254", "the link-local address 169.254.169.254"),
        ("fd00:ec2::254", "the metadata service of Amazon EC2"),
        ("100.100.100.200", "the metadata service of Alibaba Cloud"),
    ],
)
def test_a_name_that_leads_there_is_refused(
    lab: Lab, with_names: WithNames, address: str, what: str
):
    result = with_names({"hub.example": address}, "--endpoint", "http://hub.example:5000")
    assert_refused(lab, result, what)


@pytest.mark.parametrize("route", ["list", "file"])
@pytest.mark.parametrize(
    ("to", "what"),
    [
        ("http://169.254.169.254", "the link-local address"),
        ("http://0xa9fea9fe", "the link-local address"),
        ("http://store.example", "the link-local address"),
        ("http://metadata.google.internal", "the metadata service of Google Cloud"),
    ],
)
def test_a_redirect_that_leads_there_is_not_followed(
    lab: Lab, with_names: WithNames, route: str, to: str, what: str
):
    lab.break_with(Rule(kind="redirect", route=route, to=to))
    assert_refused(lab, with_names({"store.example": "169.254.20.10"}), what)


def test_a_redirect_of_the_weights_alone_is_seen_too(lab: Lab, with_names: WithNames):
    lab.break_with(Rule(kind="redirect", path=WEIGHTS, to="http://store.example"))
    assert_refused(lab, with_names({"store.example": "169.254.20.10"}), "the link-local address")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://2852039166",
        "http://0251.0376.0251.0376",
        "http://169.254.43518:80",
        "http://[::ffff:a9fe:a9fe]",
        "http://[64:ff9b::a9fe:a9fe]",
        "http://[fe80::1%25eth0]",
        "http://metadata.google.internal.",
        "http://100.100.100.200",
    ],
)
def test_other_spellings_are_the_same_address(one_lab: Lab, endpoint: str):
    result = one_lab.fetch("--endpoint", endpoint)
    assert_refused(one_lab, result, "no hub lives there")


def test_behind_a_proxy_the_name_itself_still_counts(one_lab: Lab):
    """What a proxy makes of other names, only the proxy knows."""
    result = one_lab.fetch(
        *("--endpoint", "http://metadata.google.internal"), HTTP_PROXY=one_lab.hub.url
    )
    assert_refused(one_lab, result, "the metadata service of Google Cloud")
    assert one_lab.stats()["requests"] == []


def test_a_proxy_there_is_refused_as_well(one_lab: Lab):
    result = one_lab.fetch(
        *("--endpoint", "http://hub.example"), HTTP_PROXY="http://169.254.169.254:80"
    )
    assert_refused(one_lab, result, "the link-local address")


@pytest.mark.parametrize(
    ("allowed", "reason"),
    [("169.254.255.0/24", "SourceUnreachable"), ("169.254.1.0/24", "InvalidSource")],
)
def test_what_is_allowed_is_contacted(one_lab: Lab, allowed: str, reason: str):
    """Where there is no network at all: the attempt is what is looked for."""
    if os.geteuid() != 0:
        pytest.skip("taking the network from one process needs root")
    words = ("--endpoint", "http://169.254.255.254:9", "--attempts", "1")
    process = one_lab.start(*words, behind=("unshare", "--net"), **{ALLOWED: allowed})
    assert one_lab.finish(process).reason == reason


def test_a_word_that_is_no_address_cannot_allow_one(one_lab: Lab):
    result = one_lab.fetch(**{ALLOWED: "hub.example"})
    assert (result.reason, ALLOWED in result.message) == ("InvalidSource", True)
