"""What is left out or refused is named, with the option that was typed or that cures it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.fromdocker.conftest import Convert

GET = "modelscope download --model FlagRelease/M --local_dir /share/m\n"
RUN = "docker run --gpus all -v /share:/share --name c registry.example/nvidia-vllm:1 bash\n"
SERVE = "vllm serve /share/m"
CARD = f"{GET}{RUN}{SERVE}\n"
OPTIONS = [
    ("--name", "Bad_Name"),
    ("--devices", "-1"),
    ("--port", "0"),
    ("--image", "two words"),
    ("--repo", "nope"),
    ("--revision", "two words"),
    ("--weights-size", "40GB"),
    ("--weights-claim", "A_B"),
    ("--token-secret", "A_B"),
    ("--api-key-secret", "A_B"),
]


@pytest.mark.parametrize(("option", "value"), OPTIONS)
def test_an_option_that_is_refused_is_named(option: str, value: str, convert: Convert) -> None:
    found = convert(CARD, option, value)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"{option} {value} is refused as a FlagOSModel: ")


def test_the_text_is_to_blame_for_what_the_text_says(convert: Convert) -> None:
    found = convert(f"{CARD.strip()} --port 0\n", "--name", "good")
    assert found.err.startswith("what the text says is refused as a FlagOSModel: spec.server.port")


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"\xff\xfa", "not UTF-8")])
def test_a_file_of_variables_that_cannot_be_read_is_named(
    content: bytes | None, why: str, tmp_path: Path, convert: Convert
) -> None:
    file = tmp_path / "server.env"
    if content is not None:
        file.write_bytes(content)
    assert convert(CARD, "--env-file", str(file)).err.startswith(f"--env-file {file}: {why}")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--weights-size", "40Gi"), ("--revision", "v1"), ("--token-secret", "hub")],
)
def test_an_option_of_a_download_is_told_where_there_is_none(
    option: str, value: str, convert: Convert
) -> None:
    found = convert(RUN + SERVE, option, value)
    assert found.spec["source"] == {"hostPath": {"path": "/share/m"}}
    assert f"{option} {value}: left out: it is for a download" in found.err


@pytest.mark.parametrize(
    ("line", "left_out"),
    [
        (f"nohup {SERVE} > log 2>&1 &", "nohup, > log, 2>&1, &"),
        (f"{SERVE} 2>&1 | tee serve.log", "2>&1, | tee serve.log"),
        (f"{SERVE} &>> log", "&>> log"),
        (f"{SERVE}\n  --enforce-eager > log &", "> log, &"),
        (f"docker exec -d c bash -c 'setsid {SERVE} > log &'", "setsid, > log, &"),
        (f"docker exec c {SERVE} > log", "> log"),
    ],
)
def test_where_a_servers_words_go_is_told_as_left_out(
    line: str, left_out: str, convert: Convert
) -> None:
    found = convert(f"{GET}{RUN}{line}\n")
    assert f"line 3: {left_out}: left out: a pod's server stays in the foreground" in found.err


def test_a_line_without_any_of_it_says_nothing_of_it(convert: Convert) -> None:
    assert "foreground" not in convert(f"{GET.strip()} > log &\n{RUN}{SERVE}\n").err


def test_what_only_a_shell_could_tell_has_its_option(convert: Convert) -> None:
    run = RUN.replace("--name c", '-e A=$B -e C=${D:-$E} -e F="$(date)" -e HF_TOKEN=x')
    found = convert(f"{GET}{run}{SERVE}\n").err
    assert "A=$B: left out: only a shell could tell the value; --set B=VALUE" in found
    assert "--set D=VALUE" in found
    assert "F=$(date): left out: only a shell could tell the value; write it into" in found
    assert "HF_TOKEN: left out: a token belongs into a Secret; --token-secret NAME[/KEY]" in found


@pytest.mark.parametrize(
    ("flag", "near"),
    [
        ("--tensor-paralel-size 2", "--tensor-parallel-size"),
        ("--max_modle_len=4096", "--max-model-len"),
        ("--enable-prefix-cachin", ""),  # the beginning of one is that one
        ("--compilation-config.mode 3", ""),
        ("--no-enable-prefix-caching", ""),
        ("--of-a-vendors-own 1", ""),
        ("--seed -1", ""),
    ],
)
def test_a_flag_that_looks_like_another_is_told_and_kept(
    flag: str, near: str, convert: Convert
) -> None:
    found = convert(f"{CARD.strip()} {flag}\n")
    assert found.server["args"] == flag.split()
    assert ("though no vLLM that is known here has it" in found.err) == bool(near)
    assert near in found.err


def test_the_flags_of_another_engine_are_not_judged(convert: Convert) -> None:
    line = "python3 -m sglang.launch_server --model-path /share/m --max-modle-len 4096\n"
    assert "known here" not in convert(f"{GET}{RUN}{line}").err


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("version: '3'\nservices:\n  v:\n    command: vllm serve /m\n", "a compose file"),
        ("# mine\napiVersion: v1\nmetadata: {}\nkind: Pod\n", "a Kubernetes manifest"),
        ("apiVersion: flagos.io/v1alpha1\nkind: FlagOSModel\n", "a FlagOSModel already"),
        ('FROM r.example/v:1\nRUN x\nCMD ["vllm", "serve"]\n', "a Dockerfile"),
    ],
)
def test_what_is_no_commands_is_called_what_it_is(text: str, what: str, convert: Convert) -> None:
    found = convert(text)
    assert found.code == 2
    assert f"this is {what}; only commands are read: " in found.err
    assert found.err.count("\n") == 1


def test_beside_commands_it_is_none_of_anybodys_business(convert: Convert) -> None:
    assert convert(f"{CARD}\n```yaml\nservices:\n  v: {{}}\n```\n").code == 0


@pytest.mark.parametrize("space", ["", " "])
def test_a_line_goes_on_behind_a_backtick(space: str, convert: Convert) -> None:
    run = RUN.replace(" -v", f"{space}`\n -v").replace(" bash", f"{space}`\n bash")
    spec = convert(f"{GET}{run}{SERVE}\n").spec
    assert spec["image"] == "registry.example/nvidia-vllm:1"
    assert spec["weights"]["hostPath"] == {"path": "/share"}


def test_a_pair_of_backticks_is_a_command(convert: Convert) -> None:
    found = convert(f"{GET}{RUN}NOW=`date`\n{SERVE} --enforce-eager\n")
    assert found.server["args"] == ["--enforce-eager"]
