"""What an edit does, field by field: a rolled pod costs minutes of a chip."""

from __future__ import annotations

from typing import Any

import pytest

from flagos_operator.desired.render import render
from tests.unit.desired.build import model, plan

CLAIM = {"volumeClaimTemplate": {"size": "10Gi"}}
BASE: dict[str, Any] = {
    "weights": CLAIM,
    "source": {"modelscope": {"repo": "a/b", "endpoint": "https://one.example"}},
}
ROLLS: dict[str, dict[str, Any]] = {
    "chip": {"chip": "metax"},
    "devices": {"devices": 2},
    "deviceResourceName": {"deviceResourceName": "nvidia.com/mig-1g.10gb"},
    "image": {"image": "registry.example/other:1"},
    "imagePullPolicy": {"imagePullPolicy": "Always"},
    "imagePullSecrets": {"imagePullSecrets": [{"name": "harbor"}]},
    "versions": {"versions": {"vllm": "0.13.0"}},
    "source repo": {"source": {"modelscope": {"repo": "a/c"}}},
    "source revision": {"source": {"modelscope": {"repo": "a/b", "revision": "v2"}}},
    "source include": {"source": {"modelscope": {"repo": "a/b"}, "include": ["*.json"]}},
    "source exclude": {"source": {"modelscope": {"repo": "a/b"}, "exclude": ["*.bin"]}},
    "source token": {
        "source": {"modelscope": {"repo": "a/b", "tokenSecretRef": {"name": "t", "key": "k"}}}
    },
    "source mirror's token": {
        "source": {
            "modelscope": {"repo": "a/b"},
            "mirrors": [{"huggingface": {"tokenSecretRef": {"name": "t", "key": "k"}}}],
        }
    },
    "weights volume": {"weights": {"emptyDir": {}}},
    "weights directory": {"weights": {**CLAIM, "directory": "here"}},
    "weights mountPath": {"weights": {**CLAIM, "mountPath": "/share/m"}},
    "fetch resources": {"fetch": {"resources": {"limits": {"memory": "3Gi"}}}},
    "fetch securityContext": {"fetch": {"securityContext": {"runAsUser": 0}}},
    "flagos": {"flagos": {"mode": "PluginOnly"}},
    "server args": {"server": {"args": ["--enforce-eager"]}},
    "server env": {"server": {"env": [{"name": "A", "value": "1"}]}},
    "startup budget": {"startup": {"budgetSeconds": 77}},
    "pod": {"pod": {"nodeSelector": {"zone": "a"}}},
}
NEVER_ROLLS: dict[str, dict[str, Any]] = {
    "replicas": {"replicas": 3},
    "suspend": {"suspend": True},
    "service": {"service": {"port": 80, "labels": {"team": "a"}}},
    "weights reclaimPolicy": {"weights": {**CLAIM, "reclaimPolicy": "Delete"}},
    "weights verify": {"weights": {**CLAIM, "verify": "Always"}},
    "weights size": {"weights": {"volumeClaimTemplate": {"size": "20Gi"}}},
    "source endpoint": {
        "source": {"modelscope": {"repo": "a/b", "endpoint": "https://two.example"}}
    },
    "source mirrors": {
        "source": {**BASE["source"], "mirrors": [{"huggingface": {"repo": "c/d"}}]}
    },
    "fetch env": {"fetch": {"env": [{"name": "HF_HUB_DISABLE_XET", "value": "1"}]}},
}


@pytest.mark.parametrize("edit", ROLLS.values(), ids=ROLLS)
def test_an_edit_that_changes_the_server_rolls_pods(edit: dict[str, Any]) -> None:
    assert plan(**BASE | edit).template != plan(**BASE).template


@pytest.mark.parametrize("edit", NEVER_ROLLS.values(), ids=NEVER_ROLLS)
def test_an_edit_beside_the_server_rolls_nothing(edit: dict[str, Any]) -> None:
    edited = plan(**BASE | edit)
    assert edited.template == plan(**BASE).template
    assert render(edited) != render(plan(**BASE)), "the edit has no effect at all"


@pytest.mark.parametrize("image", ["registry.example/plain:1", "registry.example/vllm_fl:1"])
@pytest.mark.parametrize("flagos", [{}, {"mode": "PluginOnly"}, {"mode": "FlagOS"}])
def test_strict_is_a_matter_of_the_status_alone(image: str, flagos: dict[str, Any]) -> None:
    said = {"chip": "cpu", "image": image}
    before = plan(**BASE | said | ({"flagos": flagos} if flagos else {}))
    after = plan(**BASE | said | {"flagos": {**flagos, "strict": True}})
    assert render(after) == render(before)
    assert (before.strict, after.strict) == (False, True)


def test_patience_with_a_log_is_a_matter_of_the_status_alone() -> None:
    before, after = plan(**BASE), plan(**BASE | {"startup": {"stallSeconds": 77}})
    assert render(after) == render(before)
    assert (before.stall_seconds, after.stall_seconds) == (None, 77)


def test_equal_specs_give_equal_bytes_whatever_the_order_of_their_fields() -> None:
    spec = model(**BASE | NEVER_ROLLS["service"])["spec"]
    turned = {"metadata": {"name": "qwen"}, "spec": dict(reversed(spec.items()))}
    assert str(render(plan(turned))) == str(render(plan(**spec)))


def test_only_another_fetch_image_distinguishes_an_operator_upgrade() -> None:
    """The conductor keeps the old image while this is so (LLMKube #192: upgrades rolled pods)."""
    old, new = plan(**BASE), plan(settings={"fetch_image": "registry.example/op:2"}, **BASE)
    assert old.template != new.template
    back = plan(settings={"fetch_image": "registry.example/flagos-operator:1"}, **BASE)
    assert back.template == old.template
