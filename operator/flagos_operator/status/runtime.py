"""The words of registry, runtime and scheduler, less what differs from one attempt to the next."""

from __future__ import annotations

import re
from enum import StrEnum

from flagos_operator.status.byword import OF_THE_NODE
from flagos_operator.status.reasons import Reason

PULL_ERRORS = {
    "ErrImagePull",
    "ImagePullBackOff",
    "RegistryUnavailable",
    "ImageInspectError",
    "SignatureValidationFailed",
}
# Of a container that waits.
START_ERRORS = {
    "CreateContainerError",
    "RunContainerError",
    "PreStartHookError",
    "PostStartHookError",
    "ImageVolumeMountFailed",
}
NEVER_STARTED = {"StartError", "ContainerCannotRun"}  # of one that ended without a start
LOST = {"ContainerStatusUnknown", "Unknown"}  # of one whose end nobody saw

# The kubelet alternates between the error and its back-off; both shall read the same.
_BACK_OFF = re.compile(r'^Back-off pulling image "[^"]*": (ErrImagePull: )?')
_CODE = re.compile(r"rpc error: code = \w+ desc = ")
_HOPELESS_START = re.compile(r"not found|no such file|permission denied|not a directory")
_CONTAINER_ID = re.compile(r"\b[0-9a-f]{64}\b")
_PLACE = re.compile(r' \(pod: "[^"]*", container: [^)]*\)$')
_POD_NAME = re.compile(r'^pods "[^"]*" is forbidden: ')
# What comes after says the same again, or nothing at all.
_SCHEDULER_REST = re.compile(r"[ ,.]*(no new claims to deallocate.*|preemption: .*|\. not found)$")


class Pull(StrEnum):
    """What became of a pull, as a person says it."""

    NO_ACCESS = "no access to it"
    NOT_FOUND = "not found"
    NO_ROOM = "no room on the node"
    NOT_TRUSTED = "the registry's certificate is not trusted"
    FAILING = "the registry answers with an error of its own"
    LIMITED = "the registry refuses more pulls for now"
    NOT_REACHED = "the registry is not reached"
    FAILED = "it cannot be pulled"


# The first that is found counts: a hub says "denied" of what may not exist, and names come last.
_PULLS = {
    Pull.NO_ACCESS: r"unauthorized|denied|forbidden|\b40[13]\b",
    Pull.NO_ROOM: r"no space left|disk quota",
    Pull.NOT_TRUSTED: r"x509:|certificate|tls: ",
    # Its own answers, before what a time-out of a gateway has in common with one of the network.
    Pull.LIMITED: r"toomanyrequests|too many requests|(?<=[ (:])429\b(?!/)",
    Pull.FAILING: (
        r"(?:status ?(?:code)?|request to \S+)\W{1,3}5\d\d\b|\b5\d\d (?:Internal Server Error"
        r"|Not Implemented|Bad Gateway|Service Unavailable|Gateway Time-?out)"
    ),
    Pull.NOT_REACHED: (
        r"no such host|refused|timed? ?out|deadline|no route|unreachable|reset by peer|\bEOF\b"
        r"|server misbehaving"
    ),
    Pull.NOT_FOUND: r"not ?found|manifest unknown|no match for platform|\b404\b|invalid reference",
}


def pull(message: str) -> str:
    return _CODE.sub("", _BACK_OFF.sub("", message))


def pull_failed(message: str) -> Pull:
    found = (kind for kind, words in _PULLS.items() if re.search(words, message, re.IGNORECASE))
    return next(found, Pull.FAILED)


def pull_is_hopeless(message: str) -> bool:
    """The registry answered, and will answer the same tomorrow."""
    return pull_failed(message) in {Pull.NO_ACCESS, Pull.NOT_FOUND}


def start(message: str) -> str:
    return _CONTAINER_ID.sub("...", _PLACE.sub("", " ".join(message.split())))


def start_is_hopeless(message: str) -> bool:
    return bool(_HOPELESS_START.search(message)) and not OF_THE_NODE.search(message)


def start_reason(message: str) -> Reason:
    """A limit that is too low for a container's first steps ends it before its program runs."""
    return Reason.OUT_OF_MEMORY if "OOM-killed" in message else Reason.CANNOT_START


def scheduler(message: str) -> str:
    return _SCHEDULER_REST.sub("", message).rstrip(" ,.")


def admission(message: str) -> str:
    return _POD_NAME.sub("", message)
