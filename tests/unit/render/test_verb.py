"""`flagos-operator render`: objects on stdout, complaints on stderr, a code for CI."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from flagos_operator.__main__ import main
from tests.unit.desired.build import model

Said = tuple[int, list[dict[str, Any]], str]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FLAGOS_CHIPS_FILE", "FLAGOS_OPERATOR_IMAGE", "FLAGOS_REGISTRY_REWRITE"):
        monkeypatch.delenv(name, raising=False)


def rendered(capsys: pytest.CaptureFixture[str], *words: str) -> Said:
    code = main(["render", *words])
    out, err = capsys.readouterr()
    return code, list(yaml.safe_load_all(out)), err


def written(folder: Path, *bodies: Any, name: str = "models.yaml") -> str:
    path = folder / name
    path.write_text(yaml.safe_dump_all(bodies))
    return str(path)


def models_of(objects: list[dict[str, Any]]) -> list[str]:
    return [each["metadata"]["name"] for each in objects if each["kind"] == "Deployment"]


def test_each_model_of_each_file_is_rendered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = written(tmp_path, model("a"), None, model("b"), name="1.yaml")
    second = written(tmp_path, model("c"), name="2.yaml")
    code, objects, err = rendered(capsys, "-f", first, "-f", second)
    assert (code, models_of(objects), err) == (0, ["a", "b", "c"], "")


def test_a_folder_gives_its_files_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, model("b"), name="2.yml")
    written(tmp_path, model("a"), name="1.yaml")
    written(tmp_path, "not a model", name="notes.txt")
    code, objects, _ = rendered(capsys, "-f", str(tmp_path))
    assert (code, models_of(objects)) == (0, ["a", "b"])


def test_stdin_takes_what_kubectl_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    items = {"apiVersion": "v1", "kind": "List", "items": [model("a"), model("b")]}
    given = io.BytesIO(yaml.safe_dump(items).encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(given))
    code, objects, _ = rendered(capsys, "-f", "-")
    assert (code, models_of(objects)) == (0, ["a", "b"])


def test_an_object_without_a_uid_owns_nothing_and_one_with_a_uid_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = model("b")
    known["metadata"] |= {"uid": "u-1", "namespace": "team", "generation": 3}
    _, objects, _ = rendered(capsys, "-n", "mine", "-f", written(tmp_path, model("a"), known))
    owned = {each["metadata"]["name"]: each["metadata"] for each in objects}
    assert "ownerReferences" not in owned["a"]
    assert owned["b"]["ownerReferences"][0]["uid"] == "u-1"
    assert (owned["a"]["namespace"], owned["b"]["namespace"]) == ("mine", "team")


def test_an_amount_that_no_pod_could_have_is_refused_before_a_cluster_sees_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = model("a", server={"resources": {"requests": {"memory": "1GB"}}})
    code, objects, err = rendered(capsys, "-f", written(tmp_path, body))
    assert (code, objects) == (1, [])
    assert "spec.server.resources.requests.memory: 1GB is no quantity: write 1Gi or 1G" in err


def test_an_invalid_model_is_named_with_field_and_cure_and_the_others_are_rendered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = model("wrong", server={"args": ["--tensor-par=2"]})
    old = {**model("old"), "apiVersion": "flagos.io/v1"}
    path = written(tmp_path, wrong, model("right"), model("unknown", chip="abacus"), old)
    code, objects, err = rendered(capsys, "-f", path)
    assert (code, models_of(objects)) == (1, ["right"])
    assert err.splitlines()[0] == (
        f"{path}[1]: FlagOSModel/wrong: ManagedFlag: spec.server.args: --tensor-par=2 means "
        "--tensor-parallel-size; set spec.server.tensorParallelSize and remove it here"
    )
    assert "FlagOSModel/unknown: UnknownChip: spec.chip: abacus is not known" in err
    assert "FlagOSModel/old: InvalidSpec: apiVersion: must be flagos.io/v1alpha1" in err


@pytest.mark.parametrize("metadata", [None, "x", {}])
def test_a_model_without_a_name_is_invalid_and_no_crash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], metadata: object
) -> None:
    code, objects, err = rendered(
        capsys, "-f", written(tmp_path, {**model(), "metadata": metadata})
    )
    assert (code, objects) == (1, [])
    assert "InvalidSpec: metadata" in err


def test_other_kinds_are_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    code, objects, err = rendered(capsys, "-f", written(tmp_path, secret, model("a")))
    assert (code, models_of(objects)) == (0, ["a"])
    assert "Secret/s: left out, not a FlagOSModel" in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "models.yaml: "),
        ("- a\n- b\n", "models.yaml[1]: expected an object, found list"),
        ("kind: Secret\n", "no FlagOSModel in "),
        ("", "no FlagOSModel in "),
        ("\udcff", "models.yaml: "),
    ],
)
def test_what_cannot_be_read_is_told_and_nothing_is_rendered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    path = tmp_path / "models.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    right = written(tmp_path, model("a"), name="right.yaml") if "no FlagOS" not in words else None
    files = [word for file in (right, str(path)) if file for word in ("-f", file)]
    code, objects, err = rendered(capsys, *files)
    assert (code, objects) == (2, [])
    assert words in err


def test_an_absent_file_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = rendered(capsys, "-f", "/nowhere/x.yaml")
    assert code == 2
    assert "/nowhere/x.yaml" in err


def test_chips_of_ones_own_are_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chips = tmp_path / "chips.yaml"
    chips.write_text("abacus: {resourceName: beads.example/row}\n")
    path = written(tmp_path, model("a", chip="abacus"))
    code, objects, _ = rendered(capsys, "-f", path, "--chips", str(chips))
    assert code == 0
    assert "beads.example/row" in str(objects)


@pytest.mark.parametrize("text", ["abacus: {beads: 1}", "- abacus", "a: ["])
def test_wrong_chips_are_told_before_any_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    chips = tmp_path / "chips.yaml"
    chips.write_text(text)
    path = written(tmp_path, model("a"))
    code, objects, err = rendered(capsys, "-f", path, "--chips", str(chips))
    assert (code, objects) == (2, [])
    assert "chips.yaml" in err


def test_the_operators_settings_come_from_the_variables_that_its_chart_sets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLAGOS_OPERATOR_IMAGE", "local/op:1")
    monkeypatch.setenv("FLAGOS_REGISTRY_REWRITE", "registry.example=local/mirror")
    path = written(tmp_path, model("a"))
    _, objects, _ = rendered(capsys, "-f", path)
    pod = objects[-1]["spec"]["template"]["spec"]
    assert pod["initContainers"][0]["image"] == "local/op:1"
    assert pod["containers"][0]["image"].startswith("local/mirror/")
    _, objects, _ = rendered(capsys, "-f", path, "--operator-image", "other:2")
    assert objects[-1]["spec"]["template"]["spec"]["initContainers"][0]["image"] == "other:2"


def test_a_wrong_setting_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLAGOS_REGISTRY_REWRITE", "nothing")
    code, objects, err = rendered(capsys, "-f", written(tmp_path, model("a")))
    assert (code, objects) == (2, [])
    assert "FLAGOS_REGISTRY_REWRITE" in err


def test_a_shipped_release_is_rendered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = {**model("a"), "spec": {"release": "minicpm-o-4.5-nvidia"}}
    code, objects, _ = rendered(capsys, "-f", written(tmp_path, body))
    assert (code, models_of(objects)) == (0, ["a"])


def test_an_unknown_release_is_named_with_those_that_sound_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {**model("a"), "spec": {"release": "minicpm-o-4.5-nvidea"}}
    code, objects, err = rendered(capsys, "-f", written(tmp_path, body))
    assert (code, objects) == (1, [])
    assert "UnknownRelease: spec.release: minicpm-o-4.5-nvidea is not known; did you mean" in err


def test_what_only_a_cluster_can_choose_is_not_guessed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {**model("a"), "spec": {"model": {"name": "MiniCPM-o-4.5"}}}
    code, objects, err = rendered(capsys, "-f", written(tmp_path, body))
    assert (code, objects) == (1, [])
    assert "name one of its rows in spec.release" in err
