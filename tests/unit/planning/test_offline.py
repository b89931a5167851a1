"""`flagos-operator plan` without a cluster: where each field comes from, and codes for CI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from flagos_operator.__main__ import main
from tests.unit.desired.build import model

Said = tuple[int, str, str]
Capture = pytest.CaptureFixture[str]
SETTINGS = (
    "FLAGOS_CHIPS_FILE",
    "FLAGOS_OPERATOR_IMAGE",
    "FLAGOS_REGISTRY_REWRITE",
    "KUBECONFIG",
    "KUBERNETES_SERVICE_HOST",
)
# Eight billion parameters, as Qwen3-8B's own file says it.
CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "head_dim": 128,
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "max_position_embeddings": 40960,
    "model_type": "qwen3",
    "num_attention_heads": 32,
    "num_hidden_layers": 36,
    "num_key_value_heads": 8,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "vocab_size": 151936,
}


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def planned(capsys: Capture, *words: str) -> Said:
    code = main(["plan", *words])
    out, err = capsys.readouterr()
    return code, out, err


def written(folder: Path, *bodies: Any, name: str = "models.yaml") -> str:
    path = folder / name
    path.write_text(yaml.safe_dump_all(bodies))
    return str(path)


def in_json(capsys: Capture, *words: str) -> dict[str, Any]:
    code, out, _ = planned(capsys, "--json", *words)
    found: dict[str, Any] = json.loads(out)
    assert found["exitCode"] == code
    return found


def fields(found: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["path"]: (each["layer"], each["value"]) for each in found["models"][0]["fields"]}


def test_every_field_is_told_with_whose_word_it_is(tmp_path: Path, capsys: Capture) -> None:
    body = model(
        chip="metax",
        server={"maxModelLen": 4096, "env": [{"name": "MINE", "value": "1"}], "args": ["--x"]},
        versions={"vllmPluginFL": "0.3.0"},
        pod={"nodeSelector": {"zone": "a"}},
    )
    found = fields(in_json(capsys, "--offline", "-f", written(tmp_path, body)))
    assert found["chip"] == ("model", "metax")
    assert found["deviceResourceName"] == ("chip", "metax-tech.com/gpu")
    assert found["devices"] == ("operator", "1")
    assert found["versions.vllm"] == ("image name", "0.20.2")
    assert found["versions.vllmPluginFL"] == ("model", "0.3.0")
    assert found["flagos.mode"] == ("chip", "FlagOS")
    assert found["server.maxModelLen"] == ("model", "4096")
    assert found["server.args"] == ("model", "--x")
    assert found["env MINE"] == ("model", "1")
    assert found["env GEMS_VENDOR"] == ("chip", "metax")
    assert found["env USE_FLAGGEMS"] == ("operator", "1")
    assert found["pod.nodeSelector"] in {("model", "zone=a"), ("chip", "kubernetes.io/arch=amd64")}


def test_without_a_kubeconfig_no_cluster_is_asked_and_that_is_said(
    tmp_path: Path, capsys: Capture
) -> None:
    code, out, _ = planned(capsys, "-f", written(tmp_path, model()))
    assert code == 0
    assert "(offline: no cluster was asked, there is no kubeconfig)" in out
    assert "Deployment/qwen" in out
    assert out.endswith("qwen: 3 to apply\n")


def test_a_cluster_that_is_named_and_not_there_is_an_error_and_no_silence(
    tmp_path: Path, capsys: Capture
) -> None:
    file = written(tmp_path, model())
    code, out, err = planned(capsys, "-f", file, "--kubeconfig", str(tmp_path / "none"))
    assert (code, out) == (2, "")
    assert "no such file" in err
    nowhere = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    config = written(tmp_path, {"apiVersion": "v1", "kind": "Config", **nowhere}, name="config")
    code, out, err = planned(capsys, "-f", file, "--kubeconfig", config)
    assert (code, out) == (2, "")
    assert "--offline asks none" in err


def test_what_is_refused_is_told_by_field_and_cure_and_by_the_code(
    tmp_path: Path, capsys: Capture
) -> None:
    operators = {"flagos": {"operators": {"denyMore": ["mm"]}}}
    file = written(tmp_path, model(**operators), model("good"))
    code, out, _ = planned(capsys, "--offline", "-f", file)
    assert code == 1
    assert "refused   PluginTooOld: spec.flagos.operators.denyMore needs" in out
    assert "qwen: refused, nothing would change" in out
    assert "good: 3 to apply" in out


def test_no_model_at_all_is_unreadable(tmp_path: Path, capsys: Capture) -> None:
    code, out, err = planned(capsys, "--offline", "-f", written(tmp_path, {"kind": "Secret"}))
    assert (code, out) == (2, "")
    assert "no FlagOSModel" in err


class TestMemory:
    def config(self, folder: Path, **more: Any) -> str:
        path = folder / "config.json"
        path.write_text(json.dumps(CONFIG | more))
        return str(path)

    def test_is_told_with_its_arithmetic(self, tmp_path: Path, capsys: Capture) -> None:
        file = written(tmp_path, model(server={"maxModelLen": 4096}))
        words = ("--offline", "-f", file, "--config", self.config(tmp_path))
        code, out, _ = planned(capsys, *words, "--device-memory", "80Gi")
        assert code == 0
        assert "memory    Fits: " in out

    def test_that_is_not_enough_has_a_code_of_its_own(
        self, tmp_path: Path, capsys: Capture
    ) -> None:
        file = written(tmp_path, model(server={"maxModelLen": 4096}))
        words = ("-f", file, "--config", self.config(tmp_path), "--device-memory", "8Gi")
        found = in_json(capsys, "--offline", *words)
        assert found["exitCode"] == 5
        assert found["models"][0]["memory"]["verdict"] == "WontFit"

    def test_of_weights_in_a_directory_counts_what_an_engine_loads(
        self, tmp_path: Path, capsys: Capture
    ) -> None:
        weights = tmp_path / "weights"
        weights.mkdir()
        self.config(weights)
        (weights / "model.safetensors").write_bytes(b"x" * 1000)
        (weights / "README.md").write_bytes(b"x" * 5000)
        file = written(tmp_path, model(server={"maxModelLen": 64}))
        words = ("-f", file, "--config", str(weights), "--device-memory", "80Gi")
        found = in_json(capsys, "--offline", *words)
        assert found["models"][0]["memory"]["weightsBytes"] == 1000

    @pytest.mark.parametrize(
        ("content", "said"),
        [("[]", "expected an object"), ("{", "Expecting property name"), (None, "No such file")],
    )
    def test_cannot_be_judged_by_what_is_no_config(
        self, tmp_path: Path, capsys: Capture, content: str | None, said: str
    ) -> None:
        path = tmp_path / "other.json"
        if content is not None:
            path.write_text(content)
        file = written(tmp_path, model())
        code, _, err = planned(capsys, "--offline", "-f", file, "--config", str(path))
        assert code == 2
        assert "--config" in err
        assert said in err

    def test_needs_a_number_and_a_unit(self, tmp_path: Path, capsys: Capture) -> None:
        file = written(tmp_path, model())
        words = ("-f", file, "--config", self.config(tmp_path), "--device-memory", "lots")
        code, _, err = planned(capsys, "--offline", *words)
        assert code == 2
        assert "write a number and a unit, e.g. 80Gi" in err
