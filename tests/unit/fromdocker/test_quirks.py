"""What people do to commands when they write, copy and paste them."""

from __future__ import annotations

import pytest

from tests.unit.fromdocker.conftest import Convert

IMAGE = "registry.example/nvidia-vllm:1"
RUN = f"docker run --gpus all -v /share:/share --name c {IMAGE} bash\n"
GET = "modelscope download --model FlagRelease/M-nvidia-FlagOS --local_dir /share/m\n"
SERVE = "vllm serve /share/m --max-model-len 4096 --enforce-eager\n"
CARD = GET + RUN + "docker exec -it c bash\n" + SERVE

WAYS = {
    "as it is": CARD,
    "continued": GET
    + f"docker run --gpus all \\\n  -v /share:/share \\\n  --name c \\\n  {IMAGE} bash\n"
    + "docker exec -it c bash\nvllm serve /share/m \\\n"
    + "  --max-model-len 4096 \\\n  --enforce-eager\n",
    "spaces after the backslash": CARD.replace(" --gpus all ", " --gpus all \\  \n  "),
    "a comment after the backslash": CARD.replace(
        " --gpus all ", " --gpus all \\ # all of them\n  "
    ),
    "no backslash": CARD.replace(" --max-model-len 4096 ", "\n  --max-model-len 4096\n  "),
    "a comment between the lines": CARD.replace(
        " --max-model-len 4096 ", " \\\n  # tokens\n  --max-model-len 4096 "
    ),
    "windows": CARD.replace("\n", "\r\n"),
    "old mac": CARD.replace("\n", "\r"),
    "non-breaking spaces": CARD.replace(" --", "\u00a0--"),
    "full-width spaces": CARD.replace(" -v ", "\u3000-v\u3000"),
    "em dashes": CARD.replace(" --", " \u2014"),
    "en dashes": CARD.replace(" --", " \u2013\u2013").replace(" -v", " \u2013v"),
    "full-width hyphens": CARD.replace(" --", " \uff0d\uff0d"),
    "zero-width spaces": CARD.replace("docker", "docker\u200b"),
    "a prompt of a user": CARD.replace("\n", "\n$ ")
    .removesuffix("$ ")
    .replace("modelscope", "$ modelscope", 1),
    "a prompt of root": "".join(f"# {line}\n" for line in CARD.splitlines()),
    "a long prompt": CARD.replace("docker run", "[root@node-1 ~]# docker run"),
    "a quote in markdown": "".join(f"> {line}\n" for line in CARD.splitlines()),
    "sudo": CARD.replace("docker ", "sudo docker "),
    "podman": CARD.replace("docker ", "podman "),
    "nerdctl": CARD.replace("docker ", "nerdctl "),
    "container run": CARD.replace("docker run", "docker container run"),
    "powershell": CARD.replace(" --gpus all ", " --gpus all `\n  ").replace(
        " c reg", " c `\n reg"
    ),
    "a prompt of windows": CARD.replace(" --gpus all ", " --gpus all ^\n  "),
    "marks of direction": CARD.replace(" --gpus", " \u202a--gpus"),
    "one exec": CARD.replace(
        "docker exec -it c bash\n" + SERVE, f"docker exec c bash -c '{SERVE.strip()}'\n"
    ),
    "one exec with double quotes": CARD.replace(
        "docker exec -it c bash\n" + SERVE, f'docker exec -d c bash -lc "{SERVE.strip()}"\n'
    ),
    "exec without a shell": CARD.replace("docker exec -it c bash\n", "docker exec c "),
    "no exec": CARD.replace("docker exec -it c bash\n", ""),
    "in the run": CARD.replace("bash\ndocker exec -it c bash\n", ""),
    "in the run's shell": CARD.replace(
        "bash\ndocker exec -it c bash\n" + SERVE, f'bash -c "{SERVE.strip()}"\n'
    ),
    "nohup": CARD.replace(SERVE, f"nohup {SERVE.strip()} > /tmp/log.txt 2>&1 &\n"),
    "piped": CARD.replace(SERVE, f"{SERVE.strip()} 2>&1 | tee serve.log\n"),
    "exec'd": CARD.replace("vllm serve", "exec vllm serve"),
    "numactl": CARD.replace("vllm serve", "numactl --cpunodebind=0 --membind=0 vllm serve"),
    "api server": CARD.replace(
        "vllm serve /share/m", "python3 -m vllm.entrypoints.openai.api_server --model /share/m"
    ),
    "model as a flag": CARD.replace("vllm serve /share/m", "vllm serve --model=/share/m"),
    "model at the end": CARD.replace(
        SERVE, "vllm serve --max-model-len 4096 --enforce-eager=1 /share/m"
    ),
    "underscores": CARD.replace("--max-model-len", "--max_model_len"),
    "equals": CARD.replace("--max-model-len 4096", "--max-model-len=4096"),
    "a unit": CARD.replace("4096", "4K"),
    "a prefix": CARD.replace("--max-model-len", "--max-model"),
    "a variable": CARD.replace("4096", "$LEN").replace("vllm serve", "LEN=4096\nvllm serve"),
    "a default": CARD.replace("4096", "${LEN:-4096}"),
    "a slash at the end": CARD.replace("serve /share/m", "serve /share/m/"),
    "hf": CARD.replace("modelscope download --model", "hf download"),
    "git": CARD.replace(
        GET, "git clone https://www.modelscope.cn/FlagRelease/M-nvidia-FlagOS.git /share/m\n"
    ),
    "cluster of letters": CARD.replace("--gpus all", "-itd --gpus=all -p8000:8000"),
    "a fence": f"Some words.\n\n```bash\n{CARD}```\n\nIt's done.\n",
    "a fence of another language": f"```python\n{CARD}```\n```python\nimport x\n```\n",
    "a fence that ends in a line": f"```bash\n{CARD.rstrip()}```\n\nIt's done.\n",
    "a fence without a language": f"```\n{CARD}```\n",
    "prose between": CARD.replace("docker run", "Don't forget \"that\n\ndocker run"),
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.replace(" ", "-"))
def test_ways_to_write_one_thing(way: str, convert: Convert) -> None:
    spec = convert(WAYS[way]).spec
    hub = next(iter(spec["source"].values()))
    assert hub == {"repo": "FlagRelease/M-nvidia-FlagOS"}
    assert spec["weights"] == {
        "hostPath": {"path": "/share"},
        "directory": "m",
        "mountPath": "/share/m",
    }
    assert (spec["chip"], spec["devices"], spec["image"]) == ("nvidia", 1, IMAGE)
    assert spec["server"]["maxModelLen"] == 4096
    assert spec["server"]["args"] in (["--enforce-eager"], ["--enforce-eager=1"])


def test_smart_quotes_are_quotes(convert: Convert) -> None:
    text = CARD.replace(
        "--enforce-eager", "--compilation-config \u2018{\u201cmode\u201d: 0}\u2019"
    )
    assert convert(text).server["args"] == ["--compilation-config", '{"mode": 0}']


@pytest.mark.parametrize(
    "written",
    ["""'{"mode": 0}'""", '''"{\\"mode\\": 0}"''', """'{"mode": '0}""", """{\\"mode\\":\\ 0}"""],
)
def test_json_comes_through_whatever_quotes_it(written: str, convert: Convert) -> None:
    text = CARD.replace("--enforce-eager", f"--compilation-config {written}")
    assert convert(text).server["args"] == ["--compilation-config", '{"mode": 0}']


def test_json_inside_of_a_shell_inside_of_an_exec(convert: Convert) -> None:
    line = """docker exec -d c bash -lc 'vllm serve /share/m --limit-mm '\\''{"image": 2}'\\'' '"""
    assert convert(GET + RUN + line).server["args"] == ["--limit-mm", '{"image": 2}']


@pytest.mark.parametrize(
    ("gpus", "visible", "flags", "devices"),
    [
        ("all", "", "", 1),
        ("all", "", "-tp 4", 4),
        ("all", "", "--tensor-parallel-size 2 --pipeline-parallel-size 2", 4),
        ("all", "", "-tp 2 --data-parallel-size 3", 6),
        ("'\"device=0,1\"'", "", "-tp 2", 2),
        ("2", "", "--tensor_parallel_size=2", 2),
        ("all", "-e CUDA_VISIBLE_DEVICES=0,1,2,3", "-tp 4", 4),
    ],
)
def test_devices_are_those_that_the_line_uses(
    gpus: str, visible: str, flags: str, devices: int, convert: Convert
) -> None:
    text = CARD.replace("--gpus all", f"--gpus {gpus} {visible}").replace(
        "--enforce", f"{flags} --enforce"
    )
    assert convert(text).spec["devices"] == devices


def test_a_board_with_two_devices_is_one_resource(convert: Convert) -> None:
    text = CARD.replace(IMAGE, "registry.example/iluvatar001-x:1").replace("--gpus all", "")
    text = text.replace("M-nvidia", "M-iluvatar")
    one, four = convert(text), convert(text.replace("--enforce-eager", "-tp 4"))
    assert (one.spec["devices"], one.server["tensorParallelSize"]) == (1, 1)
    assert (four.spec["devices"], four.server["tensorParallelSize"]) == (2, 4)


MANAGED = {
    "USE_FLAGGEMS=1": {"mode": "FlagOS"},
    "USE_FLAGGEMS=true": {"mode": "FlagOS"},
    "USE_FLAGGEMS=0": {"mode": "PluginOnly"},
    "FLAGCX_PATH=/workspace/FlagCX/": {"flagcxPath": "/workspace/FlagCX"},
    "VLLM_FL_PREFER=flaggems": {"prefer": "FlagOS"},
    "VLLM_FL_PREFER=vendor": {"prefer": "Vendor"},
    "VLLM_FL_FLAGOS_WHITELIST=softmax,cos,softmax": {"operators": {"allow": ["softmax", "cos"]}},
    "VLLM_FL_FLAGOS_BLACKLIST='mm, bmm'": {"operators": {"deny": ["mm", "bmm"]}},
    'VLLM_PLUGINS=""': {"mode": "Native"},
}


@pytest.mark.parametrize("said", MANAGED)
@pytest.mark.parametrize("where", ["before", "export", "run", "exec"])
def test_the_stack_becomes_fields_wherever_it_is_said(
    said: str, where: str, convert: Convert
) -> None:
    text = {
        "before": CARD.replace("vllm serve", f"{said} vllm serve"),
        "export": CARD.replace("vllm serve", f"export {said}\nvllm serve"),
        "run": CARD.replace("--gpus all", f"--gpus all -e {said}"),
        "exec": CARD.replace("exec -it", f"exec --env {said} -it"),
    }[where]
    found = convert(text)
    assert found.spec["flagos"] == MANAGED[said]
    assert "env" not in found.server


def test_what_is_set_later_wins(convert: Convert) -> None:
    text = CARD.replace("--gpus all", "--gpus all -e A=run -e B=run").replace(
        "vllm serve", "export A=shell\nC=line vllm serve"
    )
    assert convert(text).server["env"] == [
        {"name": "A", "value": "shell"},
        {"name": "B", "value": "run"},
        {"name": "C", "value": "line"},
    ]


def test_a_sourced_file_and_paths_after_it_stay_in_the_shell(convert: Convert) -> None:
    lines = (
        'source /opt/x/env.sh\nexport LD_LIBRARY_PATH="/a:$LD_LIBRARY_PATH"\n'
        "export A=1\ncd /w && vllm serve"
    )
    server = convert(CARD.replace("vllm serve", lines)).server
    assert server["preStart"] == (
        'source /opt/x/env.sh && export LD_LIBRARY_PATH="/a:$LD_LIBRARY_PATH"'
    )
    assert server["workingDir"] == "/w"
    assert server["env"] == [{"name": "A", "value": "1"}]


def test_weights_that_nobody_downloads_are_served_where_they_lie(convert: Convert) -> None:
    spec = convert(CARD.replace(GET, "")).spec
    assert spec["source"] == {"hostPath": {"path": "/share/m"}}
    assert spec["weights"] == {"mountPath": "/share/m"}
    assert "fetch" not in spec


def test_a_claim_instead_of_the_node(convert: Convert) -> None:
    spec = convert(CARD, "--weights-size", "40Gi").spec
    assert spec["weights"] == {
        "volumeClaimTemplate": {"size": "40Gi"},
        "mountPath": "/share/m",
    }
    assert "fetch" not in spec


def test_a_repository_that_the_server_would_download_itself(convert: Convert) -> None:
    text = "docker run --gpus all vllm/vllm-openai:v0.24.0 --model Qwen/Qwen3-8B --port 9000\n"
    found = convert(text, "--weights-size", "40Gi")
    assert found.spec["source"] == {"huggingface": {"repo": "Qwen/Qwen3-8B"}}
    assert found.server["servedModelNames"] == ["Qwen/Qwen3-8B"]
    assert found.server["port"] == 9000
    text = text.replace("--gpus all", "--gpus all -e VLLM_USE_MODELSCOPE=true")
    said = convert(text, "--weights-size", "40Gi")
    assert said.spec["source"] == {"modelscope": {"repo": "Qwen/Qwen3-8B"}}


def test_files_of_the_host_that_a_flag_names_are_mounted(convert: Convert) -> None:
    text = CARD.replace("--enforce-eager", "--enforce-eager --chat-template /share/t/x.jinja")
    spec = convert(text).spec
    assert spec["server"]["volumeMounts"] == [
        {"name": "host-1", "mountPath": "/share/t/x.jinja", "readOnly": True}
    ]
    assert spec["pod"]["volumes"] == [
        {"name": "host-1", "hostPath": {"path": "/share/t/x.jinja", "type": "File"}}
    ]


@pytest.mark.parametrize(
    "flag",
    [
        *("--privileged", "--shm-size=512G", "--net=host", "--ulimit memlock=-1", "--ipc host"),
        *("--cap-add SYS_PTRACE", "--device /dev/nvidia0", "--restart always", "--user 0"),
        *("-v /home:/home", "-p 8000:8000", "-w /w", "--security-opt seccomp=unconfined"),
        *(
            "--group-add video",
            "-m 512g",
            "--env-file x.env",
            "--hostname h",
            "--init",
            "--pid=host",
        ),
    ],
)
def test_a_flag_that_is_not_kept_is_named_with_a_reason(flag: str, convert: Convert) -> None:
    found = convert(CARD.replace("--gpus all", f"--gpus all {flag}"))
    assert found.code == 0
    line = next(line for line in found.err.splitlines() if flag in line)
    assert len(line) > len(flag) + 30
    assert flag in found.out.split("apiVersion")[0].replace("\n#   ", " ")


def test_a_line_to_fill_in_is_an_explanation(convert: Convert) -> None:
    spec = convert(CARD + "\nvllm serve <MODEL> --port <PORT>\n").spec
    assert spec["server"]["maxModelLen"] == 4096


def test_a_line_that_somebody_chooses_may_be_any_program(convert: Convert) -> None:
    text = CARD.replace(SERVE, "cd /home/x0\npython server.py\n")
    refused = convert(text)
    assert refused.code == 2
    assert "--line 5" in refused.err
    server = convert(text, "--line", "5", "--port", "5000", "--devices", "1").server
    assert server["engine"] == "Custom"
    assert server["command"] == ["python", "server.py"]
    assert server["workingDir"] == "/home/x0"


def test_a_variable_that_points_to_a_directory_left_out_is_told(convert: Convert) -> None:
    text = CARD.replace("--gpus all", "--gpus all -v /c:/cache/x -e VLLM_CACHE_ROOT=/cache/x/v")
    found = convert(text)
    assert found.server["env"] == [{"name": "VLLM_CACHE_ROOT", "value": "/cache/x/v"}]
    assert "VLLM_CACHE_ROOT=/cache/x/v: kept, though it points into /cache/x" in found.err


def test_a_variable_that_a_shell_would_keep_to_itself_is_told(convert: Convert) -> None:
    found = convert(CARD.replace("vllm serve", "USE_FLAGGEMS=0\nvllm serve"))
    assert "flagos" not in found.spec
    assert "USE_FLAGGEMS=0: left out: no export" in found.err


VARIABLES = 'VLLM_SHOWN="a b"\n# a comment\n\nUSE_FLAGGEMS=0\nCARD_OWN=2\nHF_TOKEN=s3cret\n'
WITH_FILE = CARD.replace("--gpus all", "--gpus all --env-file ./c/serve.env -e CARD_OWN=3")
# Docker takes a line as it is, quotes too, and -e before the file.
IN_ENV = [{"name": "VLLM_SHOWN", "value": '"a b"'}, {"name": "CARD_OWN", "value": "3"}]
PASTED = {
    "written before": f"cat > serve.env <<'EOF'\n{VARIABLES}EOF\n{WITH_FILE}",
    "written behind": f"{WITH_FILE}cat <<'EOF' > c/serve.env\n{VARIABLES}EOF\n",
    "by tee": f"sudo tee -a serve.env <<'EOF'\n{VARIABLES}EOF\n{WITH_FILE}",
    "a block": f"```env\n{VARIABLES}```\n```bash\n{WITH_FILE}```\n",
    "of an exec": f"cat > serve.env <<'E'\n{VARIABLES}E\n"
    + CARD.replace("exec -it", "exec -e CARD_OWN=3 --env-file serve.env -it"),
}


@pytest.mark.parametrize("way", PASTED)
def test_variables_of_a_file_that_stands_in_the_text_are_the_servers(
    way: str, convert: Convert
) -> None:
    found = convert(PASTED[way])
    assert found.server["env"] == IN_ENV
    assert found.spec["flagos"] == {"mode": "PluginOnly"}
    assert "s3cret" not in found.out + found.err
    assert "its variables are in server.env" in found.err


def test_variables_of_a_file_that_is_given_are_the_servers(convert: Convert, tmp_path) -> None:
    (tmp_path / "serve.env").write_text(VARIABLES)
    found = convert(WITH_FILE, "--env-file", str(tmp_path / "serve.env"))
    assert found.server["env"] == IN_ENV
    assert "--env-file ./c/serve.env: replaced" in found.err


def test_a_file_of_variables_that_is_not_there_is_asked_for(convert: Convert) -> None:
    found = convert(WITH_FILE)
    assert found.server["env"] == [{"name": "CARD_OWN", "value": "3"}]
    assert "--env-file ./c/serve.env: left out" in found.err
    assert "--env-file FILE gives it" in found.err


def test_what_a_shell_would_write_into_the_file_is_not_made_up(convert: Convert) -> None:
    text = f"WHERE=/data\ncat > serve.env <<EOF\nA=$WHERE/x\nB=$OTHER\nEOF\n{WITH_FILE}"
    assert "OTHER" in convert(text).err
    env = convert(text.replace("B=$OTHER\n", "")).server["env"]
    assert {"name": "A", "value": "/data/x"} in env


SCALE = CARD.replace(SERVE, "flagscale serve qwen3 ./conf/serve.yaml --port 9010\n")
GIVEN = ("--devices", "1", "--weights-size", "40Gi")
CONFIG = """```yaml
serve:
- serve_id: vllm_model
  engine: vllm
  engine_args:
    model: /share/m
    tensor_parallel_size: 2
    enforce_eager: true
    disable_log_stats: false
    rope_scaling: {type: yarn}
```
"""


def test_a_file_of_flagscales_is_named_with_what_to_do(convert: Convert) -> None:
    found = convert(SCALE, *GIVEN)
    assert "./conf/serve.yaml: read by FlagScale in the container" in found.err
    assert "pod.volumes and server.volumeMounts" in found.err


def test_engine_args_of_flagscales_are_told_as_flags(convert: Convert) -> None:
    found = convert(SCALE + CONFIG, *GIVEN)
    line = "vllm serve /share/m --tensor-parallel-size 2 --enforce-eager"
    assert f"""{line} --rope-scaling '{{"type": "yarn"}}'""" in found.err
    assert found.server["engine"] == "Custom"
    put = CARD.replace(SERVE, f"{line}\n")
    assert convert(put).server["tensorParallelSize"] == 2


def test_a_line_that_stops_a_server_starts_none(convert: Convert) -> None:
    assert convert(SCALE + "flagscale serve qwen3 --stop\n", *GIVEN).code == 0
