"""What a chip's profile does to a pod, and what a chip does that nobody allocates."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.desired.build import env, line, model, outcome, plan, pod, refusal, server

# A node with devices and no plugin: the shipped profile without its resource.
BARE = {"own": {"metax": {"resourceName": None}}}


def test_devices_that_nobody_allocates_are_seen_by_a_privileged_pod() -> None:
    body = pod(settings=BARE, chip="metax", devices=2)
    container = body["containers"][0]
    assert container["securityContext"]["privileged"] is True
    assert {"name": "MACA_VISIBLE_DEVICES", "value": "0,1"} in container["env"]
    assert "limits" not in container.get("resources", {})


def test_such_a_pod_is_alone_with_its_chip_on_a_node() -> None:
    body = pod(settings=BARE, chip="metax", devices=2)
    (term,) = body["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["labelSelector"] == {"matchLabels": {"flagos.io/chip": "metax"}}
    assert term["topologyKey"] == "kubernetes.io/hostname"


def test_a_users_affinity_takes_the_place_of_ours() -> None:
    mine: dict[str, Any] = {"nodeAffinity": {}}
    assert pod(settings=BARE, chip="metax", devices=2, pod={"affinity": mine})["affinity"] == mine


def test_a_chip_with_a_plugin_gets_no_device_variable_from_its_profile() -> None:
    own = {"own": {"nvidia": {"env": [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}]}}}
    assert "NVIDIA_VISIBLE_DEVICES" not in env(settings=own)
    assert "CUDA_VISIBLE_DEVICES" not in env()


def test_a_device_variable_of_the_users_own_word_stays() -> None:
    mine = [{"name": "CUDA_VISIBLE_DEVICES", "value": "1"}]
    assert env(server={"env": mine})["CUDA_VISIBLE_DEVICES"] == "1"


def test_the_environment_is_the_operators_then_the_chips_then_the_users() -> None:
    own = {"own": {"nvidia": {"env": [{"name": name, "value": "chip"} for name in "AB"]}}}
    mine = [{"name": name, "value": "user"} for name in ("B", "HOME")]
    seen = env(settings=own, server={"env": mine})
    assert (seen["A"], seen["B"], seen["HOME"]) == ("chip", "user", "user")


def test_a_chips_arguments_stand_before_the_users() -> None:
    words = line(chip="ascend", server={"args": ["--no-enforce-eager"]})
    assert words[-2:] == ["--enforce-eager", "--no-enforce-eager"]


def test_a_chips_arguments_are_vllms_and_no_other_engine_gets_them() -> None:
    assert "--enforce-eager" not in line(chip="mthreads", server={"engine": "SGLang"})


def test_a_chips_line_before_the_server_yields_to_the_users() -> None:
    assert "source /opt/dtk/env.sh" in line(chip="hygon")[2]
    assert "source" not in line(chip="hygon", server={"preStart": "ulimit -n 65535"})[2]


@pytest.mark.parametrize(
    ("devices", "chip", "said", "size"),
    [
        (1, "nvidia", None, "1Gi"),
        (2, "nvidia", None, "16Gi"),
        (1, "metax", None, "64Gi"),
        (1, "metax", "2Gi", "2Gi"),
    ],
)
def test_shared_memory_is_the_users_or_the_chips_or_by_the_number_of_devices(
    devices: int, chip: str, said: str | None, size: str
) -> None:
    wish = {"server": {"sharedMemory": said}} if said else {}
    volumes = pod(chip=chip, devices=devices, **wish)["volumes"]
    assert {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": size}} in volumes


@pytest.mark.parametrize(
    ("spec", "mode"),
    [
        ({"chip": "nvidia", "image": "vllm/vllm-openai:v0.24.0"}, "FlagOS"),
        ({"chip": "cpu", "image": "vllm/vllm-openai:v0.24.0"}, None),
        ({"chip": "cpu"}, "FlagOS"),  # the image's name says that the stack is inside
        ({"chip": "cpu", "image": "plain:1", "flagos": {"prefer": "Vendor"}}, "FlagOS"),
        ({"chip": "cpu", "image": "plain:1", "flagos": {"mode": "PluginOnly"}}, "PluginOnly"),
    ],
)
def test_the_mode_is_the_users_or_the_chips_or_that_of_the_image(
    spec: dict[str, Any], mode: str | None
) -> None:
    assert plan(**spec).mode == mode


@pytest.mark.parametrize(
    ("chip", "said", "strict"),
    [
        (None, None, False),
        (True, None, True),
        (True, False, False),
        (False, True, True),
    ],
)
def test_strict_is_the_users_or_the_chips(
    chip: bool | None,  # noqa: FBT001 - a value of the API
    said: bool | None,  # noqa: FBT001
    strict: bool,  # noqa: FBT001
) -> None:
    own = {"mine": {"flagos": {} if chip is None else {"strict": chip}}}
    asked = {} if said is None else {"flagos": {"strict": said}}
    assert plan(chip="mine", settings={"own": own}, **asked).strict is strict


def test_a_model_of_mode_native_needs_no_proof_whatever_the_chip_says() -> None:
    own = {"mine": {"flagos": {"strict": True}}}
    assert not plan(chip="mine", settings={"own": own}, flagos={"mode": "Native"}).strict


def test_a_plain_image_on_a_plain_chip_gets_no_word_of_flagos() -> None:
    seen = env(chip="cpu", image="localhost/vllm-cpu:0.32.0")
    assert not [name for name in seen if name == "VLLM_PLUGINS" or "FLAG" in name]


CHIPS_FLAGOS = {
    "own": {
        "nvidia": {
            "flagos": {
                "mode": "FlagOS",
                "flagcxPath": "/opt/cx",
                "prefer": "Vendor",
                "operators": {"deny": ["sort"]},
            }
        }
    }
}


def test_what_a_chip_says_of_flagos_fills_what_the_model_leaves_open() -> None:
    seen = env(settings=CHIPS_FLAGOS)
    assert seen["FLAGCX_PATH"] == "/opt/cx"
    assert seen["VLLM_FL_PREFER"] == "vendor"
    assert seen["VLLM_FL_FLAGOS_BLACKLIST"] == "sort"


def test_a_models_operators_replace_the_chips_since_the_plugin_takes_one_list() -> None:
    flagos = {"operators": {"allow": ["mm"]}, "prefer": "FlagOS"}
    seen = env(settings=CHIPS_FLAGOS, flagos=flagos)
    assert seen["VLLM_FL_FLAGOS_WHITELIST"] == "mm"
    assert "VLLM_FL_FLAGOS_BLACKLIST" not in seen


def test_a_mode_without_the_stack_leaves_the_chips_words_for_it_out() -> None:
    plugin = env(settings=CHIPS_FLAGOS, flagos={"mode": "PluginOnly"})
    native = env(settings=CHIPS_FLAGOS, flagos={"mode": "Native"})
    assert "VLLM_FL_FLAGOS_BLACKLIST" not in plugin
    assert plugin["FLAGCX_PATH"] == "/opt/cx"
    assert {name for name in native if "FL" in name} == {"USE_FLAGGEMS"}


def test_the_nodes_namespaces_are_shared_by_a_word_of_chip_or_user_alone() -> None:
    own = {"own": {"nvidia": {"hostNetwork": True, "hostIPC": True}}}
    body = pod(settings=own, pod={"hostIPC": False, "hostPID": True})
    assert (body["hostNetwork"], body["hostPID"]) == (True, True)
    assert "hostIPC" not in body
    assert not [field for field in pod() if field.startswith("host")]


def test_on_the_nodes_network_names_are_still_asked_of_the_cluster() -> None:
    assert pod(pod={"hostNetwork": True})["dnsPolicy"] == "ClusterFirstWithHostNet"
    assert pod(pod={"hostNetwork": True, "dnsPolicy": "Default"})["dnsPolicy"] == "Default"
    assert "dnsPolicy" not in pod()


def test_a_users_selector_is_laid_over_the_chips_and_tolerations_are_added() -> None:
    """LLMKube #1622, NIM #177: the downloading pod had none of them; here it is the same pod."""
    body = pod(
        pod={
            "nodeSelector": {"kubernetes.io/arch": "arm64", "zone": "a"},
            "tolerations": [{"key": "team"}],
            "runtimeClassName": "nvidia",
        }
    )
    assert body["nodeSelector"] == {"kubernetes.io/arch": "arm64", "zone": "a"}
    assert [toleration["key"] for toleration in body["tolerations"]] == ["nvidia.com/gpu", "team"]
    assert body["runtimeClassName"] == "nvidia"


def test_no_runtime_class_is_named_unasked_since_an_absent_one_refuses_the_pod() -> None:
    assert "runtimeClassName" not in pod()
    assert pod(settings={"own": {"nvidia": {"runtimeClassName": "x"}}})["runtimeClassName"] == "x"


def test_a_switch_of_chips_leaves_no_key_of_the_old_one() -> None:
    """KServe #4708: the old vendor's resource stayed beside the new one."""
    assert set(server(chip="metax")["resources"]["limits"]) == {"metax-tech.com/gpu"}


@pytest.mark.parametrize(
    ("spec", "own", "reason", "words"),
    [
        (
            {"chip": "hygon", "server": {"engine": "Custom"}},
            None,
            "CommandRequired",
            "spec.server.command",
        ),
        (
            {"chip": "hygon", "pod": {"volumes": [{"name": "hyhal", "emptyDir": {}}]}},
            None,
            "ReservedName",
            "hyhal is a volume of chip hygon",
        ),
        (
            {"server": {"volumeMounts": [{"name": "x", "mountPath": "/models/qwen"}]}},
            None,
            "ReservedName",
            "/models/qwen",
        ),
        ({"chip": "mine", "devices": 1}, {"mine": {}}, "NoDeviceResource", "deviceResourceName"),
        ({"chip": "mine"}, None, "UnknownChip", "the value `chips`"),
    ],
)
def test_what_only_the_profile_can_tell_is_refused_with_its_cure(
    spec: dict[str, Any], own: dict[str, Any] | None, reason: str, words: str
) -> None:
    found = refusal(own=own, **spec)
    assert found.reason == reason
    assert words in found.message


@pytest.mark.parametrize(
    "argument",
    [
        "--tensor-par",
        "--tensor_par=2",
        "--tp-s",
        "--ho=::",
        "--no-trust",
        "--shut=1",
    ],
)
def test_a_prefix_of_a_managed_flag_is_found(argument: str) -> None:
    found = refusal(server={"args": [argument]})
    assert found.reason == "ManagedFlag"
    assert f"spec.server.args: {argument} means -" in found.message


@pytest.mark.parametrize("argument", ["--", "-O3", "--dtype", "--max-num-seqs=4", "--config", "8"])
def test_other_arguments_are_the_users_own(argument: str) -> None:
    assert line(server={"args": [argument]})[-1] == argument


def test_a_custom_line_may_have_any_flag() -> None:
    custom = {"engine": "Custom", "command": ["x"], "args": ["--tensor-par", "2"]}
    assert not hasattr(outcome(model(server=custom)), "reason")
