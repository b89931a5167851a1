"""What goes wrong, for a column of a table: a few words, and the field that a person corrects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flagos_operator.status.reasons import Reason
from flagos_operator.status.text import bounded

if TYPE_CHECKING:
    from flagos_operator.status.view import Objection

# Fields of a model: the API server names those of its Deployment.
FIELD = re.compile(r"(?<![\w.])spec(?!\.template\b|\.containers\b)(?:\.[A-Za-z]+)+")
KILLED = re.compile(r" \((killed from outside).*")
ABSENT = re.compile(r"(?:secret|configmap) \"[^\"]{1,253}\" not found")
LONGEST = 120  # bytes

_OF_FIELDS: dict[str, str] = {
    Reason.CONFIG_MISSING: "a Secret or ConfigMap is missing",
    Reason.VOLUME_CLAIM_MISSING: "a claim is missing",
    Reason.VOLUME_CLAIM_REFUSED: "the claim is refused",
    Reason.VOLUME_CLAIM_LOST: "the volume of the claim is gone",
    Reason.POD_REJECTED: "admission refuses the pod",
    Reason.INVALID_POD: "the API server refuses the pod",
    Reason.NAME_TAKEN: "an object of this name belongs to somebody else",
    Reason.QUOTA_EXCEEDED: "the quota leaves no room",
}
# The first field that the message names is the one to correct.
_OF_ONE_FIELD: dict[str, str] = {
    Reason.SOURCE_NOT_FOUND: "the hub has no such repo",
    Reason.REVISION_NOT_FOUND: "the repo has no such revision",
    Reason.UNAUTHORIZED: "the hub refuses access",
    Reason.INVALID_SOURCE: "the source cannot be used",
    Reason.INSUFFICIENT_STORAGE: "the volume has too little room",
    Reason.VOLUME_NOT_WRITABLE: "the volume cannot be written to",
    Reason.DIRECTORY_CONFLICT: "the directory holds other weights",
    Reason.RECORD_MISSING: "the weights have no record to check them by",
    Reason.WEIGHTS_MISSING: "weights are missing",
    Reason.WEIGHTS_MISMATCH: "config.json and the weights are of different models",
    Reason.INVALID_IMAGE_NAME: "the image has no valid name",
    Reason.IMAGE_NEVER_PULLED: "the image is not on the node and may not be pulled",
    Reason.INVALID_ARGUMENT: "the server refuses an argument",
    Reason.OUT_OF_MEMORY: "more host memory is used than allowed",
    Reason.DEVICE_OUT_OF_MEMORY: "the device has too little memory",
    Reason.KV_CACHE_TOO_SMALL: "the KV cache has too little room",
    Reason.STARTUP_BUDGET_EXCEEDED: "the start took longer than it may",
    Reason.DRIVER_MISMATCH: "driver and image do not fit",
    Reason.INCOMPATIBLE_IMAGE: "the image is for another chip or processor",
    Reason.UNSUPPORTED_MODEL: "the server cannot run this model",
    Reason.REMOTE_CODE_REFUSED: "the model brings code that is not allowed",
    Reason.OPERATOR_CRASH: "an operator of FlagGems crashed",
    Reason.PLUGIN_NOT_LOADED: "FlagOS is not on",
    Reason.DEPENDENCY_MISSING: "the image lacks something",
    Reason.SHARED_MEMORY_TOO_SMALL: "the shared memory is too small",
    Reason.LIMIT_TOO_LOW: "a limit of the container is too low",
    Reason.PERMISSION_DENIED: "the server lacks a permission",
    Reason.PATH_NOT_WRITABLE: "a path cannot be written to",
    Reason.DISK_FULL: "a disk is full",
}
# Nobody need correct the model: it is tried again, or the cluster has to be looked at.
_OF_NO_FIELD: dict[str, str] = {
    Reason.NODE_LOST: "its node does not answer",
    Reason.NOT_RESPONDING: "the server no longer answers",
    Reason.CANNOT_START: "its container cannot be started",
    Reason.FETCH_FAILED: "the download failed",
    Reason.SOURCE_UNREACHABLE: "the hub does not answer",
    Reason.RATE_LIMITED: "the hub wants fewer requests",
    Reason.WEIGHTS_CORRUPT: "weights are damaged",
    Reason.CHECKSUM_MISMATCH: "a file arrives damaged",
    Reason.EVICTED: "its pod was evicted",
    Reason.REFUSED_BY_NODE: "the node refuses the pod",
    Reason.ENGINE_DIED: "the engine died",
    Reason.CRASH_LOOP: "a container ended",
    Reason.DEVICE_NOT_FOUND: "no device in the container",
    Reason.DEVICE_BUSY: "something else holds the device",
    Reason.DEVICE_FAULT: "the device failed",
    Reason.COLLECTIVE_INIT_FAILED: "the devices cannot talk to each other",
    Reason.PORT_IN_USE: "the port is taken",
    Reason.CACHE_LOCKED: "the tuning database is locked",
    Reason.STORAGE_FAILED: "the storage failed",
    Reason.NATIVE_CRASH: "native code of the image crashed",
    Reason.ENGINE_TIMEOUT: "a step of the engine took too long",
    Reason.TERMINATED: "the server was told to end",
    Reason.NO_SERVICE_ADDRESS: "the cluster has no address left for a Service",
    Reason.FORBIDDEN: "the operator lacks a right",
    Reason.INTERNAL_ERROR: "the operator failed",
}


def briefly(objection: Objection) -> str:
    """Its words with the fields that its message names; empty if it needs none."""
    for told, most in ((_OF_NO_FIELD, 0), (_OF_ONE_FIELD, 1), (_OF_FIELDS, 2)):
        if what := told.get(objection.reason):
            what = _in_its_own_words(objection) or what
            fields = [*dict.fromkeys(FIELD.findall(objection.message))][:most]
            return bounded(f"{what}: {', '.join(fields)}" if fields else what, limit=LONGEST)
    return ""


def _in_its_own_words(objection: Objection) -> str:
    """What is missing, by its name; and of an unknown cause the line that tells most of it."""
    if objection.reason == Reason.CONFIG_MISSING:
        absent = ABSENT.search(objection.message)
        return absent[0] if absent else ""
    if objection.reason == Reason.CRASH_LOOP:
        line = objection.message.removeprefix("container ").partition("; ")[0]
        return KILLED.sub(r", \1", line)
    return ""
