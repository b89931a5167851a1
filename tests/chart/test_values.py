"""values.yaml explains every key; values.schema.json refuses what nobody can have meant."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flagos_operator.api.outcome import Invalid
from flagos_operator.catalog.chips import load_chips
from tests.chart.chips_schema import written
from tests.chart.rendering import CHART, ROOT, Manifest, of_kind, refusal, render, run_helm, the

DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
EVERYTHING = {
    "replicaCount": 2,
    "chips": {"mine": {"resourceName": "vendor.example/chip"}},
    "metrics": {"serviceMonitor": {"enabled": True}},
    "admissionPolicy": {"enabled": True},
}


def settings(values: Manifest, schema: Manifest) -> Iterator[tuple[str, Any]]:
    """Each key that the schema knows by name, as image.tag, with its default."""
    for key, inner in schema["properties"].items():
        if "properties" in inner and key in values:
            yield from ((f"{key}.{rest}", v) for rest, v in settings(values[key], inner))
        else:
            yield key, values.get(key, KeyError)


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_helm_lint_has_no_complaint(values: Manifest) -> None:
    done = run_helm("lint", str(CHART), "--strict", values=values)
    assert done.returncode == 0, done.stdout + done.stderr


def unexplained(lines: list[str]) -> Iterator[str]:
    """Keys with neither a `# --` block above them nor a parent that has one."""
    comment, inside = False, None
    for line in lines:
        words, indent = line.strip(), len(line) - len(line.lstrip())
        if words.startswith("#") or not words:
            comment = (comment or words.startswith("# --")) and bool(words)
            continue
        if inside is not None and indent > inside:
            continue
        inside = indent if comment else None
        if not comment and not words.endswith(":"):
            yield words
        comment = False


def test_every_value_is_explained_where_it_stands() -> None:
    assert list(unexplained((CHART / "values.yaml").read_text().splitlines())) == []


def test_the_schema_and_the_values_name_the_same_keys() -> None:
    optional = {"global", "resources.claims", "admissionPolicy.namespaceSelector.matchExpressions"}
    missing = {name for name, value in settings(DEFAULTS, SCHEMA) if value is KeyError}
    assert missing == optional
    # The other way round is the schema's own work: it is closed, and the defaults pass it.
    assert SCHEMA["additionalProperties"] is False


@pytest.mark.parametrize(
    "values, words",
    [
        ({"replicas": 1}, ["'replicas' not allowed"]),
        ({"replicaCount": -1}, ["/replicaCount", "minimum"]),
        ({"chips": {"mine": {"resourceNam": "x.y/z"}}}, ["/chips/mine", "'resourceNam'"]),
        ({"chips": {"mine": {"resourceName": "bad name"}}}, ["/chips/mine/resourceName"]),
        ({"chips": {"mine": {"env": [{"nam": "A"}]}}}, ["/chips/mine/env/0"]),
        ({"image": {"tga": "x"}}, ["/image", "'tga' not allowed"]),
        ({"image": {"digest": "abc"}}, ["/image/digest", "sha256:"]),
        ({"image": {"pullPolicy": "Sometimes"}}, ["/image/pullPolicy", "IfNotPresent"]),
        ({"image": {"repository": ""}}, ["/image/repository"]),
        ({"watchNamespaces": "team-a"}, ["/watchNamespaces", "want array"]),
        ({"watchNamespaces": ["Team_A"]}, ["/watchNamespaces/0"]),
        ({"operand": {"uid": 0}}, ["/operand/uid", "want 1"]),
        ({"operand": {"registryRewrite": {"a": "b,c"}}}, ["/operand/registryRewrite/a"]),
        ({"operand": {"imagePullSecrets": [{"name": "x"}]}}, ["/operand/imagePullSecrets/0"]),
        ({"chips": {"My_Chip": {}}}, ["My_Chip"]),
        ({"chips": {"mine": "x"}}, ["/chips/mine", "null or object"]),
        ({"log": {"level": "trace"}}, ["/log/level", "debug"]),
        ({"workers": 0}, ["/workers"]),
        ({"httpPort": 80}, ["/httpPort"]),
        ({"serviceAccount": {"create": False}}, ["serviceAccount.name is required"]),
        ({"admissionPolicy": {"namespaceSelector": {"team": "a"}}}, ["'team' not allowed"]),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(values: Manifest, words: list[str]) -> None:
    said = refusal(values)
    for word in words:
        assert word in said


def test_this_chart_can_be_a_part_of_another() -> None:
    assert render({"global": {"imageRegistry": "x"}})


def test_a_service_monitor_comes_only_when_asked_for() -> None:
    """KAITO #1725, OME #426: without an optional definition nothing worked."""
    assert not of_kind(render(), "ServiceMonitor")
    wanted = {"enabled": True, "labels": {"release": "prom"}, "interval": "10s"}
    manifests = render({"metrics": {"serviceMonitor": wanted}})
    monitor, service = the(manifests, "ServiceMonitor"), the(manifests, "Service")
    assert monitor["metadata"]["labels"]["release"] == "prom"
    assert monitor["spec"]["endpoints"] == [
        {"port": "http", "path": "/metrics", "interval": "10s"}
    ]
    selector = monitor["spec"]["selector"]["matchLabels"]
    assert selector.items() <= service["metadata"]["labels"].items()
    assert service["spec"]["ports"][0]["name"] == "http"


def test_an_admission_policy_comes_only_when_asked_for() -> None:
    assert not of_kind(render(), "ValidatingAdmissionPolicy")
    manifests = render(EVERYTHING)
    binding = the(manifests, "ValidatingAdmissionPolicyBinding")
    policy = the(manifests, "ValidatingAdmissionPolicy")
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert (
        binding["spec"]["matchResources"]["namespaceSelector"]
        == (DEFAULTS["admissionPolicy"]["namespaceSelector"])
    )


def notes(values: Manifest, folder: Path) -> str:
    """Helm shows them after an install only, so a template in a copy of the chart repeats them."""
    chart = shutil.copytree(CHART, folder / "chart")
    repeat = '{{ include (print .Template.BasePath "/NOTES.txt") . | quote }}'
    (chart / "templates" / "notes.yaml").write_text(f"kind: Notes\ntext: {repeat}\n")
    done = run_helm("template", "flagos-operator", str(chart), "-n", "system", values=values)
    assert done.returncode == 0, done.stderr
    bodies = [body for body in yaml.safe_load_all(done.stdout) if body]
    return str(the(bodies, "Notes")["text"])


def test_the_notes_tell_the_next_command(tmp_path: Path) -> None:
    text = notes({}, tmp_path)
    assert "kubectl -n system rollout status deployment/flagos-operator" in text
    examples = re.findall(r"examples/\S+", text)
    assert examples
    assert all((ROOT / example).is_file() for example in examples)


def test_the_notes_speak_of_the_namespaces_that_are_served(tmp_path: Path) -> None:
    text = notes({"watchNamespaces": ["team-a", "team-b"]}, tmp_path)
    assert "models in: team-a, team-b." in text
    assert "kubectl -n team-a apply" in text
    assert "all namespaces" not in text


def test_the_notes_warn_where_the_image_or_the_definition_is_left_to_the_user(
    tmp_path: Path,
) -> None:
    text = notes({"crds": {"install": False}}, tmp_path)
    assert "kubectl get crd flagosmodels.flagos.io" in text
    assert "Set image.registry" in text
    other = notes({"image": {"registry": "registry.local"}}, tmp_path / "other")
    assert "Set image.registry" not in other
    assert "crds.install" not in other


@pytest.mark.parametrize(
    "release, name",
    [
        ("flagos-operator", "flagos-operator"),
        ("flagos", "flagos-flagos-operator"),
        ("x" * 53, "x" * 50),
    ],
)
def test_object_names_follow_the_release(release: str, name: str) -> None:
    assert the(render(release=release), "Deployment")["metadata"]["name"] == name


def test_what_is_said_of_chips_is_what_the_operator_reads() -> None:
    assert (CHART / "values.schema.json").read_text() == written(SCHEMA), "run `make generate`"


@pytest.mark.parametrize(
    "chip",
    [
        {"nvidia": {"runtimeClassName": None, "nodeSelector": {"a": None}}},
        {"nvidia": None},
        {"mine": {"resourceName": "vendor.example/chip", "sharedMemory": "1Gi"}},
        {
            "mine": {
                "tolerations": [{"operator": "Exists"}],
                "securityContext": {"privileged": True},
            }
        },
    ],
)
def test_helm_takes_the_chips_that_the_operator_takes(chip: Manifest) -> None:
    assert not isinstance(load_chips(chip), Invalid)
    render({"chips": chip})
