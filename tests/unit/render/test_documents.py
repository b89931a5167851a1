"""What `plan` and `render` say of files before a model in them is looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flagos_operator.__main__ import main

Capture = pytest.CaptureFixture[str]
VERBS = [("render",), ("plan", "--offline")]
HEAD = "apiVersion: flagos.io/v1alpha1\nkind: FlagOSModel\n"
SPEC = "spec: {chip: cpu, image: r.example/vllm:1, source: {modelscope: {repo: a/b}}}\n"


def told(capsys: Capture, folder: Path, text: str, *words: str) -> tuple[int, str, str]:
    file = folder / "model.yaml"
    file.write_text(text)
    code = main([*words, "-f", str(file)])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("verb", VERBS)
def test_a_key_that_is_there_twice_is_refused_with_both_of_its_lines(
    verb: tuple[str, ...], tmp_path: Path, capsys: Capture
) -> None:
    text = f"{HEAD}metadata: {{name: a}}\nspec:\n  chip: cpu\n  devices: 1\n  chip: nvidia\n"
    code, out, err = told(capsys, tmp_path, text, *verb)
    assert (code, out) == (2, "")
    assert "model.yaml: line 7: key chip is in line 5 already: remove one of them" in err


def test_a_key_that_overrides_what_an_anchor_brings_is_there_once(
    tmp_path: Path, capsys: Capture
) -> None:
    text = f"{HEAD}metadata: {{<<: &m {{name: a}}, name: b, labels: {{<<: *m, name: c}}}}\n{SPEC}"
    code, out, err = told(capsys, tmp_path, text, "render")
    assert (code, err) == (0, "")
    assert "name: b\n" in out


@pytest.mark.parametrize("verb", VERBS)
def test_a_model_that_comes_twice_is_told(
    verb: tuple[str, ...], tmp_path: Path, capsys: Capture
) -> None:
    one = f"{HEAD}metadata: {{name: a}}\n{SPEC}---\n"
    same = one.replace("name: a", "name: a, namespace: default")
    other = one.replace("name: a", "name: a, namespace: other")
    code, out, err = told(capsys, tmp_path, one + other + same, *verb)
    assert code == 0
    assert (out + err).count("the same model is in ") == 1
    assert "model.yaml[1], too: of two that are applied the last one stays" in out + err


@pytest.mark.parametrize("verb", VERBS)
def test_a_model_without_a_name_is_not_called_none(
    verb: tuple[str, ...], tmp_path: Path, capsys: Capture
) -> None:
    code, out, err = told(capsys, tmp_path, f"{HEAD}{SPEC}---\n{HEAD}{SPEC}", *verb)
    assert code == 1
    assert "model.yaml[1]: a FlagOSModel without a name" in out + err
    assert "metadata.name" in out + err
    assert "None" not in out + err
    assert "the same model" not in out + err


def test_a_model_by_name_is_left_to_plan(tmp_path: Path, capsys: Capture) -> None:
    text = f"{HEAD}metadata: {{name: a}}\nspec: {{model: {{name: Qwen3-4B}}}}\n"
    code, out, err = told(capsys, tmp_path, text, "render")
    assert (code, out) == (1, "")
    assert "`flagos-operator plan` chooses and shows the objects" in err


def test_a_model_that_nobody_knows_has_the_known_ones_beside_it(
    tmp_path: Path, capsys: Capture
) -> None:
    text = f"{HEAD}metadata: {{name: a}}\nspec: {{model: {{name: zzzz}}}}\n"
    code, out, _ = told(capsys, tmp_path, text, "plan", "--offline")
    assert code == 1
    assert "known are Baichuan-M2-32B, " in out
    assert "kubectl" not in out


def test_a_model_without_a_name_has_none_in_json(tmp_path: Path, capsys: Capture) -> None:
    _, out, _ = told(capsys, tmp_path, HEAD + SPEC, "plan", "--offline", "--json")
    assert json.loads(out)["models"][0]["name"] == ""
