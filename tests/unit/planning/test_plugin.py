"""`kubectl flagos` is the same program under the name by which kubectl finds it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from flagos_operator.__main__ import PLUGIN, main

PROJECT = Path(__file__).parents[3] / "pyproject.toml"


def helped(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_it_is_installed_beside_the_program() -> None:
    scripts = tomllib.loads(PROJECT.read_text())["project"]["scripts"]
    assert scripts[PLUGIN] == scripts["flagos-operator"]


def test_its_help_speaks_of_kubectl_and_leaves_out_what_only_pods_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [f"/usr/local/bin/{PLUGIN}"])
    out = helped(capsys)
    assert out.startswith("usage: kubectl flagos")
    for verb in ("plan", "explain", "render", "verify"):
        assert f"\n    {verb} " in out
    for verb in ("run", "reclaim"):
        assert f"\n    {verb} " not in out
    assert helped(capsys, "plan").startswith("usage: kubectl flagos plan")


def test_the_operators_own_help_names_every_verb(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["flagos-operator"])
    out = helped(capsys)
    assert out.startswith("usage: flagos-operator")
    assert "\n    run " in out
