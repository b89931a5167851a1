"""The token reaches its own endpoint and nothing else; the network is the one that was named."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from testbed.hub.faults import Rule
from testbed.hub.server import running
from tests.fetch.lab import REPO, contents

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fetch.lab import Lab

TOKEN = "t0ken-of-a-user"  # noqa: S105


def test_the_token_is_in_no_log_and_on_no_disk(lab: Lab):
    lab.require_token(TOKEN)
    lab.break_with(Rule(kind="status", times=2))
    good = lab.fetch(FLAGOS_FETCH_TOKEN=TOKEN)
    lab.require_token("another")
    bad = lab.fetch("--destination", str(lab.volume / "x"), FLAGOS_FETCH_TOKEN=TOKEN)
    assert (good.code, bad.reason) == (0, "Unauthorized")
    assert TOKEN not in good.log + bad.log + str(good.said) + str(bad.said)
    written = lab.volume.parent.rglob("*")
    assert not [path for path in written if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_the_token_can_come_from_a_file(one_lab: Lab, tmp_path):
    one_lab.require_token(TOKEN)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert one_lab.fetch("--token-file", str(tmp_path / "token")).code == 0


def test_a_token_with_line_breaks_is_refused_in_words(one_lab: Lab):
    result = one_lab.fetch(FLAGOS_FETCH_TOKEN=f"user: x\ntoken: {TOKEN}")
    assert (result.reason, "blanks or line breaks" in result.message) == ("Unauthorized", True)


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.1"])
def test_a_redirect_gets_the_file_but_not_the_token(lab: Lab, host):
    """Also on the same host: another port is another server."""
    lab.require_token(TOKEN)
    with running(lab.repos, host=host) as store:
        lab.break_with(Rule(kind="redirect", to=store.url))
        assert lab.fetch(FLAGOS_FETCH_TOKEN=TOKEN).code == 0
        asked = store.hub.traffic.report()["requests"]
    assert asked
    assert not any(request["credentials"] for request in asked)
    assert all(request["credentials"] for request in lab.stats()["requests"])


@pytest.mark.parametrize("route", ["list", "file"])
def test_an_endpoint_that_leads_to_the_public_hub_is_not_followed(lab: Lab, route):
    public = {"modelscope": "https://modelscope.cn", "huggingface": "https://huggingface.co"}
    lab.break_with(Rule(kind="redirect", route=route, to=public[lab.source]))
    result = lab.fetch("--attempts", "1")
    assert result.reason == "SourceUnreachable"
    assert "not to be contacted" in result.message


def test_somebodys_login_on_the_machine_is_not_used(lab: Lab, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    environ = {"HF_TOKEN": "stray", "MODELSCOPE_API_TOKEN": "stray"}
    assert lab.fetch(**environ).code == 0
    assert not any(request["credentials"] for request in lab.stats()["requests"])


def test_a_proxy_is_used_when_the_environment_names_one(lab: Lab):
    """The hub reads an absolute address as a proxy would; no such host exists."""
    result = lab.fetch(
        "--endpoint", "http://hub.invalid", HTTP_PROXY=lab.hub.url, http_proxy=lab.hub.url
    )
    assert result.code == 0, result.log
    assert lab.stats()["requests"][0]["target"].startswith("http://hub.invalid/")


def authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A private authority for 127.0.0.1, and a server that shows its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "private hub")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, start, start.replace(year=2100)
    )
    builder = builder.add_extension(alternative, critical=False)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    bundle, private = folder / "ca.pem", folder / "key.pem"
    bundle.write_bytes(pem)
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, private)
    return bundle, context


def test_a_private_authority_is_trusted_only_when_given(lab: Lab, tmp_path):
    bundle, context = authority(tmp_path)
    with running(lab.repos, tls=context) as hub:
        stranger = lab.fetch("--endpoint", hub.url, "--attempts", "1")
        trusted = lab.fetch("--endpoint", hub.url, FLAGOS_FETCH_CA_BUNDLE=str(bundle))
    assert stranger.reason == "SourceUnreachable"
    assert "certificate" in stranger.message
    assert trusted.code == 0, trusted.log
    assert contents(lab.place) == contents(lab.repos / REPO)


def test_a_bundle_that_is_none_is_named(one_lab: Lab, tmp_path):
    result = one_lab.fetch(FLAGOS_FETCH_CA_BUNDLE=str(tmp_path / "none.pem"))
    assert result.reason == "InvalidSource"
    assert "none.pem" in result.message
