"""The chart and the operator's settings speak of the same variables."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest
import yaml

import flagos_operator
from flagos_operator.catalog.chips import Chips
from flagos_operator.errors import SettingsError
from flagos_operator.operands import chips
from flagos_operator.settings import Settings
from tests.chart.rendering import CHART, ROOT, Manifest, operator_env, render, the

CHIPS = {"chips": {"mine": {"resourceName": "vendor.example/chip"}}}


class Listener(dict[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        self.asked.add(key)
        return default

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return False


def settings(values: Manifest) -> Settings:
    """The operator's settings in the pod that the chart makes."""
    env = {name: value for name, value in operator_env(values).items() if isinstance(value, str)}
    return Settings.from_environment(env)


def test_every_variable_that_the_chart_sets_is_read_and_the_other_way_round() -> None:
    environment = Listener()
    Settings.from_environment(environment)
    assert set(operator_env(CHIPS)) == environment.asked


@pytest.mark.parametrize(
    "values, name, expected",
    [
        ({}, "watch_namespaces", ()),
        ({"watchNamespaces": ["a", "b"]}, "watch_namespaces", ("a", "b")),
        ({"image": {"tag": "dev"}}, "operator_image", "localhost/flagos-operator:dev"),
        ({"image": {"pullPolicy": "Always"}}, "image_pull_policy", "Always"),
        ({}, "operand_uid", 65534),
        ({"operand": {"uid": 1000710000}}, "operand_uid", 1000710000),
        ({"operand": {"uid": None}}, "operand_uid", None),
        (
            {"operand": {"registryRewrite": {"z.io": "m/z", "harbor.baai.ac.cn": "m:5000/baai"}}},
            "registry_rewrite",
            {"harbor.baai.ac.cn": "m:5000/baai", "z.io": "m/z"},
        ),
        ({"operand": {"imagePullSecrets": ["a", "b"]}}, "image_pull_secrets", ("a", "b")),
        (
            {"operand": {"fetch": {"allowedAddresses": ["169.254.20.10", "fd00::/8"]}}},
            "fetch_allowed",
            ("169.254.20.10", "fd00::/8"),
        ),
        (CHIPS, "chips_file", "/etc/flagos/chips/chips.yaml"),
        ({}, "chips_file", ""),
        ({"log": {"format": "console"}}, "log_format", "console"),
        ({"log": {"level": "debug"}}, "log_level", "DEBUG"),
        ({"httpPort": 9090}, "http_port", 9090),
        ({"workers": 4}, "workers", 4),
        # Helm reads numbers as floats: this must not arrive as 8.64e+04.
        ({"resyncSeconds": 86400}, "resync_seconds", 86400),
    ],
)
def test_a_value_arrives_as_a_setting(values: Manifest, name: str, expected: object) -> None:
    assert getattr(settings(values), name) == expected


@pytest.mark.parametrize("value", ["httpProxy", "httpsProxy", "noProxy"])
def test_proxies_of_downloads_arrive(value: str) -> None:
    found = settings({"operand": {"fetch": {value: "somewhere"}}}).fetch_env
    assert list(found.values()) == ["somewhere"]
    assert not settings({}).fetch_env


def test_an_untouched_chart_gives_the_operators_own_defaults() -> None:
    ours, theirs = settings({}), Settings.from_environment({})
    image = "localhost/flagos-operator:0.1.0"
    assert ours == dataclasses.replace(theirs, operator_image=image)


def test_chart_and_package_carry_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert chart["version"] == chart["appVersion"] == package == flagos_operator.__version__


def own_chips(values: Manifest, folder: Path) -> Chips:
    """What the operator makes of the chart's chips: the rendered file, read as at its start."""
    file = folder / "chips.yaml"
    file.write_text(the(render({"chips": values}), "ConfigMap")["data"]["chips.yaml"])
    return chips(Settings(chips_file=str(file)))


def test_an_own_chip_is_known_beside_the_built_in_ones(tmp_path: Path) -> None:
    found = own_chips({"mine": {"resourceName": "vendor.example/chip"}}, tmp_path)
    assert found["mine"].resource_name == "vendor.example/chip"
    assert "nvidia" in found


def test_a_built_in_chip_is_changed_by_key_and_null_takes_a_key_away(tmp_path: Path) -> None:
    change = {"runtimeClassName": "nvidia", "tolerations": None}
    found = own_chips({"nvidia": change}, tmp_path)["nvidia"]
    assert found.runtime_class_name == "nvidia"
    assert found.tolerations == ()
    assert found.resource_name == "nvidia.com/gpu"


def test_a_mistake_that_helm_cannot_see_stops_the_operator_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"chips\.mine.*VLLM_PORT"):
        own_chips({"mine": {"env": [{"name": "VLLM_PORT", "value": "1"}]}}, tmp_path)
