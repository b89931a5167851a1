"""The hubs' own clients, imported in an environment that is ours."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import certifi

from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from flagos_operator.fetch.hub import Hub
    from flagos_operator.fetch.request import Request, Source

CA_BUNDLE = "FLAGOS_FETCH_CA_BUNDLE"


def settings(source: Source, *, home: Path, request: Request) -> Mapping[str, str]:
    """The environment in which the clients are imported; they read it only then."""
    if source == "modelscope":
        return {
            "MODELSCOPE_HOME": str(home),
            "MODELSCOPE_CACHE": str(home),
            "MODELSCOPE_LOG_LEVEL": "CRITICAL",
            "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS": "1",  # one layer of patience is enough: ours
            # It asks an address that the hub names, on some clouds the metadata service.
            "MODELSCOPE_DOWNLOAD_INTRA_CLOUD": "false",
            "TQDM_DISABLE": "1",
        }
    return {
        "HF_HOME": str(home),
        "HF_ENDPOINT": request.hub,
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_VERBOSITY": "critical",
        "TQDM_DISABLE": "1",
    }


def prepare_environment(
    environ: MutableMapping[str, str], *, source: Source, home: Path, request: Request
) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "MODELSCOPE_API_TOKEN", "HF_HUB_OFFLINE"):
        environ.pop(name, None)
    environ.update(settings(source, home=home, request=request))
    # A netrc would replace our token by a password, and send it along a redirect.
    environ["NETRC"] = os.devnull
    if bundle := environ.get(CA_BUNDLE):
        _check_bundle(Path(bundle))
        environ["REQUESTS_CA_BUNDLE"] = bundle
        environ["SSL_CERT_FILE"] = bundle
    elif not Path(ssl.get_default_verify_paths().openssl_cafile).is_file():
        # An image without ca-certificates: one of the clients would trust nobody.
        environ.setdefault("SSL_CERT_FILE", certifi.where())


def _check_bundle(bundle: Path) -> None:
    try:
        ssl.create_default_context(cafile=bundle)
    except OSError as error:
        raise FetchError(
            Reason.INVALID_SOURCE,
            f"{CA_BUNDLE} names {bundle}, which holds no certificates: {error}",
        ) from error


def open_hub(request: Request, *, home: Path) -> Hub:
    """Imports only the client that is needed, which takes most of a cold start."""
    prepare_environment(os.environ, source=request.source, home=home, request=request)
    if request.source == "modelscope":
        from flagos_operator.fetch.modelscope import ModelScope  # noqa: PLC0415

        return ModelScope(request, home=home)
    from flagos_operator.fetch.huggingface import HuggingFace  # noqa: PLC0415

    return HuggingFace(request)
