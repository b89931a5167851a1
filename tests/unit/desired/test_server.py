"""The serving container: its line, its environment and what it may do."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.unit.desired.build import env, line, pod, server, value_of

OLD = {"vllm": "0.13.0", "vllmPluginFL": "0.0.0"}


def test_the_line_of_vllm_says_name_address_and_port() -> None:
    words = line()
    assert words[:3] == ["vllm", "serve", "/models/qwen"]
    assert value_of("--served-model-name", words) == "qwen"
    assert value_of("--host", words) == "0.0.0.0"  # noqa: S104
    assert value_of("--port", words) == "8000"


def test_the_users_arguments_come_last_since_vllm_takes_the_last() -> None:
    assert line(server={"maxModelLen": 512, "args": ["--dtype", "auto"]})[-2:] == [
        "--dtype",
        "auto",
    ]


def test_typed_fields_become_flags() -> None:
    words = line(
        server={"trustRemoteCode": True, "maxModelLen": 4096, "gpuMemoryUtilization": 0.8}
    )
    assert "--trust-remote-code" in words
    assert value_of("--max-model-len", words) == "4096"
    assert value_of("--gpu-memory-utilization", words) == "0.8"


def test_remote_code_is_never_trusted_unasked() -> None:
    assert "--trust-remote-code" not in line()


@pytest.mark.parametrize(
    ("spec", "size"),
    [
        ({"devices": 1}, None),
        ({"devices": 4}, "4"),
        ({"devices": 1, "chip": "iluvatar"}, "2"),  # one board is two devices
        ({"devices": 8, "server": {"pipelineParallelSize": 2}}, "4"),
        ({"devices": 4, "server": {"tensorParallelSize": 2}}, "2"),
    ],
)
def test_tensor_parallel_defaults_to_all_devices(spec: dict[str, Any], size: str | None) -> None:
    assert value_of("--tensor-parallel-size", line(**spec)) == size


def test_sglang_has_its_own_words() -> None:
    words = line(devices=2, server={"engine": "SGLang", "maxModelLen": 512, "port": 30000})
    assert words[:3] == ["python3", "-m", "sglang.launch_server"]
    assert value_of("--model-path", words) == "/models/qwen"
    assert value_of("--context-length", words) == "512"
    assert value_of("--tp-size", words) == "2"
    assert value_of("--port", words) == "30000"


def test_a_custom_command_is_the_whole_line_and_is_told_where_everything_is() -> None:
    custom = {"engine": "Custom", "command": ["serve", "$(FLAGOS_MODEL_PATH)"]}
    assert line(server=custom) == ["serve", "$(FLAGOS_MODEL_PATH)"]
    told = env(server=custom)
    assert told["FLAGOS_MODEL_PATH"] == "/models/qwen"
    assert told["FLAGOS_PORT"] == "8000"
    assert told["FLAGOS_SERVED_MODEL_NAME"] == "qwen"


def test_another_command_replaces_vllm_serve_and_nothing_else() -> None:
    words = line(server={"command": ["/opt/conda/bin/vllm", "serve"]})
    assert words[:3] == ["/opt/conda/bin/vllm", "serve", "/models/qwen"]
    assert "--port" in words


def test_a_line_before_the_server_execs_it_so_that_signals_arrive() -> None:
    words = line(server={"preStart": "source /opt/dtk/env.sh"})
    assert words[:2] == ["bash", "-c"]
    assert "source /opt/dtk/env.sh" in words[2]
    assert 'exec "$@"' in words[2]
    assert words[words.index("vllm") :][:2] == ["vllm", "serve"]


@pytest.mark.parametrize(
    ("mode", "seen"),
    [
        ({}, {"VLLM_PLUGINS": "fl", "USE_FLAGGEMS": "1"}),
        ({"mode": "FlagOS"}, {"VLLM_PLUGINS": "fl", "USE_FLAGGEMS": "1"}),
        ({"mode": "PluginOnly"}, {"VLLM_PLUGINS": "fl", "USE_FLAGGEMS": "0"}),
        ({"mode": "Native"}, {"VLLM_PLUGINS": ""}),
    ],
)
def test_the_mode_is_said_in_literals(mode: dict[str, str], seen: dict[str, str]) -> None:
    assert seen.items() <= env(flagos=mode).items()


def test_flagcx_off_means_no_variable_since_an_empty_one_turns_it_on() -> None:
    assert "FLAGCX_PATH" not in env()
    assert env(flagos={"flagcxPath": "/w/FlagCX"})["FLAGCX_PATH"] == "/w/FlagCX"


@pytest.mark.parametrize(
    ("operators", "variable"),
    [
        ({"allow": ["mm", "add"]}, "VLLM_FL_FLAGOS_WHITELIST"),
        ({"deny": ["mm", "add"]}, "VLLM_FL_FLAGOS_BLACKLIST"),
        ({"denyMore": ["mm", "add"]}, "VLLM_FL_FLAGOS_BLACKLIST_APPEND"),
    ],
)
def test_operator_lists_become_the_plugins_variables(
    operators: dict[str, list[str]], variable: str
) -> None:
    seen = env(flagos={"operators": operators}, versions={"vllmPluginFL": "0.3.0"})
    assert (seen[variable] or "").split(",") == ["mm", "add"]


def test_prefer_had_another_word_in_the_first_plugin() -> None:
    assert env(flagos={"prefer": "FlagOS"})["VLLM_FL_PREFER"] == "flagos"
    assert env(flagos={"prefer": "FlagOS"}, versions=OLD)["VLLM_FL_PREFER"] == "flaggems"


def test_draining_is_asked_for_only_where_vllm_knows_the_flag() -> None:
    assert value_of("--shutdown-timeout", line(server={"drainSeconds": 60})) == "60"
    assert "--shutdown-timeout" not in line(versions=OLD)
    assert "--shutdown-timeout" not in line(image="registry.example/unknown:1")


def test_vllms_own_patience_follows_the_budget() -> None:
    seen = env(startup={"budgetSeconds": 900})
    assert seen["VLLM_ENGINE_READY_TIMEOUT_S"] == "900"


def test_a_default_variable_yields_to_the_user() -> None:
    mine = env(server={"env": [{"name": "HOME", "value": "/elsewhere"}]})
    assert env()["HOME"] == "/tmp"  # noqa: S108
    assert mine["HOME"] == "/elsewhere"


def test_the_api_key_is_referenced_and_never_copied() -> None:
    container = server(server={"apiKeySecretRef": {"name": "keys", "key": "vllm"}})
    (entry,) = [item for item in container["env"] if item["name"] == "VLLM_API_KEY"]
    assert entry["valueFrom"] == {"secretKeyRef": {"name": "keys", "key": "vllm"}}


def test_devices_are_asked_for_by_the_chips_resource() -> None:
    assert server(devices=2)["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert server(chip="cpu").get("resources", {}).get("limits", {}) == {}
    other = server(deviceResourceName="nvidia.com/mig-1g.10gb")["resources"]["limits"]
    assert other == {"nvidia.com/mig-1g.10gb": "1"}


def test_a_pod_is_restricted_unless_somebody_says_otherwise() -> None:
    allowed = server()["securityContext"]
    assert allowed["runAsUser"] == 65534
    assert allowed["readOnlyRootFilesystem"] is True
    assert allowed["capabilities"] == {"drop": ["ALL"]}
    assert pod()["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod()["automountServiceAccountToken"] is False
    assert pod()["enableServiceLinks"] is False


def test_root_is_given_where_it_is_asked_for_and_contradicts_nothing() -> None:
    allowed = server(server={"securityContext": {"runAsUser": 0}})["securityContext"]
    assert allowed["runAsUser"] == 0
    assert allowed.get("runAsNonRoot") is not True


def test_privileged_by_the_chip_loses_what_contradicts_it() -> None:
    allowed = server(chip="ascend")["securityContext"]
    assert allowed["privileged"] is True
    assert allowed.get("allowPrivilegeEscalation") is not False


def test_probes_ask_health_and_the_budget_is_the_startup_probes() -> None:
    """Dynamo #3726: probes called a tool that the image did not have."""
    container = server(startup={"budgetSeconds": 900})
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 900
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/health", "port": "http"}


def test_the_grace_period_covers_leaving_the_service_and_draining() -> None:
    body = pod(server={"drainSeconds": 60})
    sleep = body["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert body["terminationGracePeriodSeconds"] >= sleep + 60 + 15


def test_the_key_reaches_engines_that_know_no_variable_for_it_by_name() -> None:
    reference = {"name": "keys", "key": "sglang"}
    sglang = {"engine": "SGLang", "apiKeySecretRef": reference}
    assert value_of("--api-key", line(server=sglang)) == "$(FLAGOS_API_KEY)"
    assert "FLAGOS_API_KEY" in env(server=sglang)
    custom = {"engine": "Custom", "command": ["x"], "apiKeySecretRef": reference}
    assert "FLAGOS_API_KEY" in env(server=custom)


def test_only_the_engines_own_variables_are_set() -> None:
    assert "VLLM_NO_USAGE_STATS" in env()
    other = env(server={"engine": "SGLang"})
    assert not [name for name in other if name.startswith("VLLM")]
    assert other["USE_FLAGGEMS"] == "1"


def test_compiling_kernels_may_take_as_long_as_the_start_and_workers_share_no_database() -> None:
    seen = env(startup={"budgetSeconds": 900})
    assert seen["VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS"] == "900"
    assert seen["VLLM_ENGINE_ITERATION_TIMEOUT_S"] == "900"
    assert seen["FLAGGEMS_DB_URL"] == "sqlite:///:memory:"
    assert "FLAGGEMS_DB_URL" not in env(flagos={"mode": "Native"})


def test_a_custom_health_path_is_probed() -> None:
    custom = {"engine": "Custom", "command": ["x"], "healthPath": "/v1/health"}
    assert server(server=custom)["readinessProbe"]["httpGet"]["path"] == "/v1/health"


def test_builds_for_a_new_vllm_know_the_new_word_even_if_they_call_themselves_old() -> None:
    named_old = {"vllm": "0.24.0", "vllmPluginFL": "0.0.0"}
    assert env(flagos={"prefer": "FlagOS"}, versions=named_old)["VLLM_FL_PREFER"] == "flagos"
    assert env(flagos={"prefer": "Vendor"}, versions=OLD)["VLLM_FL_PREFER"] == "vendor"


@pytest.mark.parametrize("first", ["true # a comment", "export A=1;", "source x\n", "sleep 1 &"])
def test_however_a_line_before_the_server_ends_the_server_comes_after_it(first: str) -> None:
    words = line(server={"preStart": first, "command": ["echo", "served"]})
    done = subprocess.run(
        [*words[:2], words[2].replace("source x", "true"), *words[3:6]],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("served")


def test_a_line_before_the_server_that_fails_keeps_it_from_starting() -> None:
    words = line(server={"preStart": "false", "command": ["echo", "served"]})
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
