"""Where the weights come from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flagos_operator.api.references import ConfigMapKeyReference, SecretKeyReference
from flagos_operator.api.rules import exactly_one, needs, stays_inside
from flagos_operator.api.shape import (
    SET,
    AbsolutePath,
    DnsName,
    NotWritten,
    RelativePath,
    Shape,
    Written,
)

Glob = Annotated[str, Field(min_length=1, max_length=256)]
Globs = Annotated[tuple[Glob, ...], Field(max_length=64), SET]


Repo = Annotated[
    str,
    Field(max_length=200),
    Written(
        r"^[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*$",
        "write owner/name as the hub shows it, e.g. Qwen/Qwen3-8B; not its address, "
        "which belongs into endpoint",
    ),
]
Revision = Annotated[
    str,
    Field(max_length=200),
    Written(
        r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", "write a branch, a tag or a commit, e.g. main or v1.0"
    ),
]
Endpoint = Annotated[
    str,
    Field(max_length=512),
    Written(
        r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$",
        "write http:// or https:// and the host, e.g. https://hub.example.com; "
        "a token belongs into tokenSecretRef",
    ),
    # Only what is a hub nowhere. All else that is refused an administrator may allow, so that it
    # is the operator who refuses it.
    NotWritten(
        r"(?i)^https?://(169\.254\.169\.254|\[fd00:ec2::254\]|metadata\.google\.internal)"
        r"\.?(:[0-9]*)?(/.*)?$",
        "this is the metadata service of a cloud: write the address of a hub",
    ),
]


class Hub(Shape):
    rules = (stays_inside("revision"),)

    repo: Repo = Field(
        description="Repository as owner/name, e.g. FlagRelease/MiniCPM-o-4.5-nvidia-FlagOS."
    )
    revision: Revision | None = Field(
        None,
        description="Branch, tag or commit. Default: the hub's main branch. A commit never moves.",
    )
    endpoint: Endpoint | None = Field(
        None,
        description=(
            "URL of a private hub or mirror, e.g. https://hub.example.com. "
            "When set, the public hub is never contacted."
        ),
    )
    token_secret_ref: SecretKeyReference | None = Field(
        None,
        description=(
            "Secret with the access token. It reaches the downloader only "
            "and is sent to this hub alone."
        ),
    )


class ModelScope(Hub):
    pass


class HuggingFace(Hub):
    pass


class MirrorHub(Shape):
    rules = (stays_inside("revision"),)

    repo: Repo | None = Field(
        None, description="Repository as owner/name. Default: the name on the main hub."
    )
    revision: Revision | None = Field(
        None,
        description=(
            "Branch, tag or commit. Default: the main hub's word, and the main branch where "
            "that is its main branch."
        ),
    )
    endpoint: Endpoint | None = Field(
        None,
        description="URL of this hub, e.g. https://hub.example.com. Default: the public hub.",
    )
    token_secret_ref: SecretKeyReference | None = Field(
        None,
        description=(
            "Secret with the access token of this hub. No other hub gets it, "
            "and this one gets no other."
        ),
    )


class MirrorModelScope(MirrorHub):
    pass


class MirrorHuggingFace(MirrorHub):
    pass


class Mirror(Shape):
    rules = (exactly_one("modelscope", "huggingface"),)

    modelscope: MirrorModelScope | None = Field(
        None, description="The repository on ModelScope; {} is the public hub."
    )
    huggingface: MirrorHuggingFace | None = Field(
        None, description="The repository on Hugging Face; {} is the public hub."
    )


Mirrors = Annotated[tuple[Mirror, ...], Field(max_length=8)]


class ClaimSource(Shape):
    rules = (stays_inside("path"),)

    claim_name: DnsName = Field(
        description="Name of an existing PersistentVolumeClaim in the model's namespace."
    )
    path: RelativePath | None = Field(
        None, description="Model directory inside the volume. Default: the volume's root."
    )


class HostPathSource(Shape):
    rules = (stays_inside("path"),)

    path: AbsolutePath = Field(
        description="Model directory on the node, e.g. /share/MiniCPMO45. It must exist."
    )


class Source(Shape):
    rules = (
        exactly_one("modelscope", "huggingface", "persistentVolumeClaim", "hostPath"),
        needs(
            ("include", "exclude", "mirrors", "caBundleConfigMapRef"),
            one_of=("modelscope", "huggingface"),
            message=(
                "include, exclude, mirrors and caBundleConfigMapRef are for a download: "
                "remove them, these weights are served in place"
            ),
        ),
    )

    modelscope: ModelScope | None = Field(None, description="A repository on ModelScope.")
    huggingface: HuggingFace | None = Field(None, description="A repository on Hugging Face.")
    persistent_volume_claim: ClaimSource | None = Field(
        None, description="Weights that already lie on a claim: served in place, read-only."
    )
    host_path: HostPathSource | None = Field(
        None, description="Weights that already lie on the node: served in place, read-only."
    )
    include: Globs = Field(
        (),
        description=(
            "Download only files that match one of these patterns, e.g. *.safetensors. "
            "Default: all files."
        ),
    )
    exclude: Globs = Field(
        (), description="Leave out files that match one of these patterns, e.g. original/*."
    )
    mirrors: Mirrors = Field(
        (),
        description=(
            "Hubs to try, in this order, when the one before cannot serve. What is verified is "
            "kept, whoever brought it."
        ),
    )
    ca_bundle_config_map_ref: ConfigMapKeyReference | None = Field(
        None,
        description=(
            "ConfigMap with PEM certificates to trust when talking to the hub and its mirrors."
        ),
    )
