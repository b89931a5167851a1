"""The words of registry, runtime and scheduler, less what differs from one attempt to the next."""

from __future__ import annotations

import re

PULL_ERRORS = {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError"}
START_ERRORS = {"CreateContainerError", "RunContainerError"}  # of a container that waits
NEVER_STARTED = {"StartError", "ContainerCannotRun"}  # of one that ended without a start

# The kubelet alternates between the error and its back-off; both shall read the same.
_BACK_OFF = re.compile(r'^Back-off pulling image "[^"]*": (ErrImagePull: )?')
_HOPELESS_PULL = re.compile(
    r"not ?found|unauthorized|denied|forbidden|manifest unknown|no match for platform"
    r"|\b40[134]\b|invalid reference",
    re.IGNORECASE,
)
_HOPELESS_START = re.compile(r"not found|no such file|permission denied|not a directory")
_CONTAINER_ID = re.compile(r"\b[0-9a-f]{64}\b")
_PLACE = re.compile(r' \(pod: "[^"]*", container: [^)]*\)$')
_POD_NAME = re.compile(r'^pods "[^"]*" is forbidden: ')
# What comes after says the same again, or nothing at all.
_SCHEDULER_REST = re.compile(r"[ ,.]*(no new claims to deallocate.*|preemption: .*|\. not found)$")


def pull(message: str) -> str:
    return _BACK_OFF.sub("", message)


def pull_is_hopeless(message: str) -> bool:
    """The registry answered, and will answer the same tomorrow."""
    return bool(_HOPELESS_PULL.search(message))


def start(message: str) -> str:
    return _CONTAINER_ID.sub("...", _PLACE.sub("", message))


def start_is_hopeless(message: str) -> bool:
    return bool(_HOPELESS_START.search(message))


def scheduler(message: str) -> str:
    return _SCHEDULER_REST.sub("", message).rstrip(" ,.")


def admission(message: str) -> str:
    return _POD_NAME.sub("", message)
