"""A registry's words, without what changes from one attempt to the next."""

from __future__ import annotations

import re

PULL_ERRORS = {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError"}

# The kubelet alternates between the error and its back-off; both shall read the same.
_BACK_OFF = re.compile(r'^Back-off pulling image "[^"]*": (ErrImagePull: )?')
_HOPELESS = re.compile(
    r"not ?found|unauthorized|denied|forbidden|manifest unknown|no match for platform"
    r"|\b40[134]\b|invalid reference",
    re.IGNORECASE,
)


def words(message: str) -> str:
    return _BACK_OFF.sub("", message)


def hopeless(message: str) -> bool:
    """The registry answered, and will answer the same tomorrow."""
    return bool(_HOPELESS.search(message))
