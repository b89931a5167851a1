"""Input: what a failed download says, and the model. Asserted: the field that helps is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flagos_operator.fetch import reasons as fetch
from flagos_operator.status.summary import summarize
from tests.unit.status.build import a_plan, a_pod, a_view, crashed, ended
from tests.unit.status.read import condition, ready

MODELSCOPE = {"modelscope": {"repo": "acme/x"}}
HUGGINGFACE = {"huggingface": {"repo": "acme/x"}}
IN_PLACE = {"hostPath": {"path": "/share/x"}}


def message(
    reason: str, words: str = "odd", *, source: Any = None, weights: Any = None, **status: Any
) -> str:
    said = json.dumps({"reason": reason, "message": words})
    run = crashed(ended(10, message=said), name="fetch", init=True, **status)
    plan = a_plan(said={"source": source or MODELSCOPE}, weights=weights)
    summary = summarize(a_view(a_pod(run), plan=plan))
    told = str(ready(summary)["message"])
    assert condition(summary, "WeightsReady")["message"] == told
    return told


@pytest.mark.parametrize(
    ("reason", "said", "expected"),
    [
        (
            "SourceNotFound",
            {},
            (
                "check spec.source.modelscope.repo, or give a token in "
                "spec.source.modelscope.tokenSecretRef"
            ),
        ),
        ("RevisionNotFound", {"source": HUGGINGFACE}, "correct spec.source.huggingface.revision"),
        ("Unauthorized", {}, "check spec.source.modelscope.tokenSecretRef"),
        (
            "SourceUnreachable",
            {},
            (
                "set spec.source.modelscope.endpoint, a proxy in spec.fetch.env, or another hub "
                "in spec.source.mirrors"
            ),
        ),
        (
            "RateLimited",
            {},
            (
                "it is tried again; a token in spec.source.modelscope.tokenSecretRef or a hub in "
                "spec.source.mirrors helps"
            ),
        ),
        (
            "ChecksumMismatch",
            {},
            "it is tried again; if it repeats, name another hub in spec.source.mirrors",
        ),
        (
            "ChecksumMismatch",
            {"source": IN_PLACE, "weights": {"verify": "Always"}},
            "copy these files once more",
        ),
        (
            "InsufficientStorage",
            {"weights": {"volumeClaimTemplate": {"size": "20Gi"}}},
            (
                "raise spec.weights.volumeClaimTemplate.size, which is 20Gi; spec.source.exclude "
                "leaves files out"
            ),
        ),
        (
            "InsufficientStorage",
            {"weights": {"persistentVolumeClaim": {"claimName": "big"}}},
            (
                "enlarge claim big, or name another one in spec.weights.persistentVolumeClaim; "
                "spec.source.exclude leaves files out"
            ),
        ),
        (
            "InsufficientStorage",
            {"weights": {"hostPath": {"path": "/share"}}},
            (
                "free space below /share of the node, or change spec.weights.hostPath; "
                "spec.source.exclude leaves files out"
            ),
        ),
        (
            "InsufficientStorage",
            {"weights": {"emptyDir": {"sizeLimit": "1Gi"}}},
            (
                "raise spec.weights.emptyDir.sizeLimit, which is 1Gi; spec.source.exclude leaves "
                "files out"
            ),
        ),
        (
            "InsufficientStorage",
            {},
            (
                "the disk of the node is full: free space there, or ask for a volume in "
                "spec.weights.volumeClaimTemplate; spec.source.exclude leaves files out"
            ),
        ),
        (
            "VolumeNotWritable",
            {},
            "change the owner of the directory, or the user in spec.fetch.securityContext",
        ),
        ("LockHeld", {}, "spec.weights names the volume"),
        ("DirectoryConflict", {}, "choose another spec.weights.directory"),
        ("InvalidSource", {}, "correct spec.source"),
        ("RecordMissing", {}, "without spec.weights.verify they are served unchecked"),
        ("InternalError", {}, "a defect: report it with kubectl logs POD -c fetch --previous"),
    ],
)
def test_each_failure_names_its_field_in_the_words_of_the_model(
    reason: str, said: Any, expected: str
) -> None:
    assert message(reason, "x cannot be had", **said) == f"x cannot be had; {expected}"


def test_no_reason_of_a_download_is_without_a_field() -> None:
    for reason in fetch.Reason:
        assert message(reason, "odd") != "odd"


@pytest.mark.parametrize(
    "words",
    [
        "acme/x is not on hub: check spec.source.modelscope.repo",
        "none of 2 hubs can serve: a: SourceNotFound (check spec.source.modelscope.repo)",
        "as an older one says it: check source.modelscope.repo",
    ],
)
def test_what_names_its_field_already_is_told_as_it_is(words: str) -> None:
    assert message("SourceNotFound", words) == words


def test_a_long_message_leaves_room_for_its_cure() -> None:
    told = message("SourceUnreachable", "words and " * 150)
    assert told.endswith("or another hub in spec.source.mirrors")
    assert len(told.encode()) <= 1024
