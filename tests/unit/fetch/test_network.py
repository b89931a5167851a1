"""The one cause that is told of a broken line, out of the layers around it."""

from __future__ import annotations

import http.client
import itertools
import socket
import ssl

import pytest

from flagos_operator.fetch import hub, network


def wrapped(*layers: BaseException) -> BaseException:
    """Outermost first; each was raised while the next one was handled."""
    for outer, inner in itertools.pairwise(layers):
        outer.__context__ = inner
    return layers[0]


def a_layer() -> BaseException:
    return RuntimeError("_DownloadHTTPConnectionPool(host='hub', port=443): Max retries exceeded")


REFUSED = ConnectionRefusedError(111, "Connection refused")


class ProxyError(OSError):
    """As the clients call it."""


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (REFUSED, "it refuses the connection"),
        (socket.gaierror(-2, "Name or service not known"), "its name cannot be resolved"),
        (TimeoutError("timed out"), "it does not answer in time"),
        (http.client.RemoteDisconnected("Remote end closed"), "it closed the connection"),
        (BrokenPipeError(32, "Broken pipe"), "it closed the connection"),
        (OSError(101, "Network is unreachable"), "Network is unreachable"),
        (http.client.IncompleteRead(b"", 5), "the answer ended early"),
        (ssl.SSLError(1, "odd"), "TLS fails, without a reason"),
        (ValueError("the odd\nand more"), "the odd"),
        (ValueError(), "ValueError"),
    ],
)
def test_the_innermost_cause_is_told_in_words(error: BaseException, words: str):
    assert network.cause(wrapped(OSError("outer"), a_layer(), error)) == words


def test_a_certificate_that_nobody_trusts_comes_with_the_field_that_helps():
    words = network.cause(wrapped(a_layer(), untrusted()))
    assert words.startswith("its certificate is not trusted, self-signed certificate; ")
    assert "source.caBundleConfigMapRef" in words


def test_a_proxy_that_fails_is_not_taken_for_the_hub():
    assert network.cause(wrapped(ProxyError(), REFUSED)) == "the proxy: it refuses the connection"


def test_a_cause_that_a_client_keeps_as_an_argument_is_found():
    layer = RuntimeError(REFUSED)
    layer.__suppress_context__ = True
    assert network.cause(wrapped(OSError("outer"), layer)) == "it refuses the connection"


def test_layers_that_lead_back_to_themselves_end():
    first = a_layer()
    assert network.cause(wrapped(first, RuntimeError(first))).startswith("_Download")


def test_an_error_that_was_handled_before_is_not_the_cause():
    error = ValueError("this")
    try:
        raise error from None
    except ValueError:
        error.__context__ = REFUSED
    assert network.cause(error) == "this"


class Asked(OSError):
    def __init__(self, url: str) -> None:
        super().__init__("x")
        self.request = type("Request", (), {"url": url})()


class Unasked(OSError):
    @property
    def request(self) -> object:
        raise RuntimeError("no request")


def test_the_host_is_the_one_that_was_asked_last():
    error = wrapped(
        a_layer(), Unasked(), Asked("https://user:word@store.example:8443/w?Signature=x")
    )
    assert network.host(error) == "store.example:8443"
    trouble = hub.unreachable(wrapped(error), host="hub.example")
    assert trouble.message.startswith("cannot reach store.example:8443 (")


def test_without_a_request_it_is_the_endpoint():
    trouble = hub.unreachable(wrapped(a_layer(), REFUSED), host="hub.example")
    assert trouble.message == (
        "cannot reach hub.example (it refuses the connection): "
        "check the endpoint, DNS, proxy and network policies"
    )
