"""What cannot be read, is not there, or is no model: told in a line, never a traceback."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from flagos_operator.fromdocker.dockerflags import TABLE
from tests.unit.fromdocker.cards import CARDS, converted
from tests.unit.fromdocker.conftest import Convert

RUN = "docker run --gpus all -v /share:/share registry.example/nvidia-vllm:1 bash\n"
GET = "modelscope download --model FlagRelease/M --local_dir /share/m\n"
SERVE = "vllm serve /share/m\n"
CARD = GET + RUN + SERVE

UNCLEAR = {
    "nothing": (b"", "no line that starts a server"),
    "prose": (b"Dear reader,\nthis model is good.\n", "no container"),
    "no docker line": (b"docker ps\n", "no line that starts a server"),
    "a container that does nothing": (RUN.encode(), "a container, but no line"),
    "a script": ((RUN + "python3 generate.py\n").encode(), "not known to answer"),
    "an open quote": ((GET + 'docker run "--gpus all\n').encode(), "line 2: the quote"),
    "an open quote in the server": ((CARD + "vllm serve --x 'y\n").encode(), "line 4"),
    "a NUL": (b"docker run\0x", "NUL"),
    "bytes": (b"docker run \xff\xfe\xfa", "UTF-8"),
    "a megabyte": (b"docker run x\n" * 90_000, "KiB"),
    "an unknown flag": (CARD.replace("--gpus", "--gpsu").encode(), "--gpsu is no flag"),
    "no value": (b"docker run --shm-size", "needs a value"),
    "two servers": ((CARD + "vllm serve /share/n\n").encode(), "--line"),
    "two downloads": (
        (GET.replace("/m", "/a") + GET.replace("M ", "N ") + RUN + "vllm serve /x/m\n").encode(),
        "several downloads",
    ),
    "two chips": (CARD.replace("--gpus", "--device /dev/mxcd --gpus").encode(), "--chip"),
    "several nodes": ((CARD.strip() + " --nnodes 2\n").encode(), "one node"),
    "a file of hosts": ((GET + RUN + "vim hostfile.txt\n" + SERVE).encode(), "a file of hosts"),
    "a line for each node": (
        (
            GET + RUN + "".join(f"vllm serve /share/m --nnodes 2 --node-rank {n}\n" for n in "01")
        ).encode(),
        "over several nodes",
    ),
    "ray": ((GET + RUN + "ray start --head\n" + SERVE).encode(), "ray start"),
    "a number that is none": ((CARD.strip() + " --port http\n").encode(), "--port http"),
    "operators twice": (
        CARD.replace(
            "vllm serve", "VLLM_FL_FLAGOS_WHITELIST=a VLLM_FL_FLAGOS_BLACKLIST=b vllm serve"
        ).encode(),
        "at most one of",
    ),
}

INCOMPLETE = {
    "no image": (CARD.replace("registry.example/nvidia-vllm:1", "<IMAGE>"), "--image"),
    "no chip": (CARD.replace("--gpus all", "").replace("nvidia-", ""), "--chip"),
    "no weights": ((RUN + SERVE).replace("-v /share:/share", ""), "--repo"),
    "no place": (CARD.replace("-v /share:/share", ""), "--weights-size"),
    "a variable": (CARD.replace("serve /share/m", "serve $MODEL"), "--set"),
    "a variable in a field": (CARD.strip() + " --port $PORT\n", "--set"),
    "a variable of the stack": (CARD.replace("vllm s", "FLAGCX_PATH=$X vllm s"), "--set"),
    "a computed argument": (CARD.strip() + " --seed $(date +%s)\n", "--set"),
    "a key": (CARD.strip() + " --api-key token-abc\n", "--api-key-secret"),
    "a script's port": (GET + RUN + "bash server.sh\n", "--port"),
    "a script's devices": (GET + RUN + "bash server.sh\n", "--devices"),
}


@pytest.mark.parametrize("name", UNCLEAR, ids=lambda name: name.replace(" ", "-"))
def test_what_is_not_clear_is_told(name: str, convert: Convert) -> None:
    text, told = UNCLEAR[name]
    found = convert(text)
    assert (found.code, found.out) == (2, "")
    assert told in found.err


@pytest.mark.parametrize("name", INCOMPLETE, ids=lambda name: name.replace(" ", "-"))
def test_what_is_missing_is_named_with_the_way_to_give_it(name: str, convert: Convert) -> None:
    text, told = INCOMPLETE[name]
    found = convert(text)
    assert (found.code, found.out) == (3, "")
    missing = [line for line in found.err.splitlines() if line.startswith("missing: ")]
    assert any(told in line for line in missing)


def test_all_that_is_missing_is_named_at_once(convert: Convert) -> None:
    found = convert("docker run <IMAGE>\nvllm serve /m --api-key x\n")
    assert found.err.count("missing: ") == 4, found.err


def test_nothing_is_ever_run(convert: Convert, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    text = CARD.replace("--gpus all", f"--gpus all -e A=$(touch {trap}) -e B=`touch {trap}`")
    text = text.replace("vllm serve", f"source {trap}; $(touch {trap}); vllm serve")
    found = convert(text + f"touch {trap}\nbash -c 'touch {trap}'\neval touch {trap}\n")
    assert found.code == 0
    assert not trap.exists()
    assert "only a shell could tell" in found.err


def test_a_file_that_a_line_names_is_not_read(convert: Convert, tmp_path: Path) -> None:
    (tmp_path / "x.env").write_text("SECRET=1\n")
    found = convert(CARD.replace("--gpus all", f"--gpus all --env-file {tmp_path}/x.env"))
    assert "SECRET" not in found.out
    assert "no file is read unasked" in found.err


@pytest.mark.parametrize("name", ["HF_TOKEN", "MODELSCOPE_API_TOKEN", "VLLM_API_KEY"])
def test_a_secret_is_not_written_down(name: str, convert: Convert) -> None:
    found = convert(
        CARD.replace("--gpus all", f"--gpus all -e {name}=s3cret"), "--api-key-secret", "k"
    )
    assert found.code == 0
    assert "s3cret" not in found.out + found.err


def test_a_key_of_the_server_is_not_repeated(convert: Convert) -> None:
    found = convert(CARD.strip() + " --api-key s3cret\n", "--api-key-secret", "keys/main")
    assert found.server["apiKeySecretRef"] == {"name": "keys", "key": "main"}
    assert "s3cret" not in found.out + found.err


def test_what_a_card_says_cannot_leave_its_comment(convert: Convert) -> None:
    text = CARD.replace("--gpus all", "--gpus all --hostname 'x\nkind: Pod\u2028kind: Pod\x85'")
    found = convert(text)
    assert found.model["kind"] == "FlagOSModel"
    assert all(line.startswith("#") for line in found.out.split("apiVersion")[0].splitlines())


def test_hostile_names_stay_strings(convert: Convert) -> None:
    text = CARD.replace(
        "--gpus all", "--gpus all -e 'A=*x' -e 'B=!!python/object:os.system' -e C=yes"
    )
    assert convert(text).server["env"] == [
        {"name": "A", "value": "*x"},
        {"name": "B", "value": "!!python/object:os.system"},
        {"name": "C", "value": "yes"},
    ]


@pytest.mark.parametrize(
    "text",
    [
        "docker run " + "$(" * 5_000,
        "docker run " + '"$(' * 5_000,
        "docker run " + "`" * 5_001,
        "docker run " + "\\\n" * 50_000,
        "docker run " + "${A:-" * 5_000,
        "docker run -" + "d" * 50_000,
        "vllm serve '" + "a" * 50_000,
        "bash -c '" * 50 + "x" + "'" * 50,
        "export A=" + "$A" * 5_000 + "\n",
        "A=xxxxxxxx\n" + "B=$A$A\nA=$B$B\n" * 2_000,
        "docker run <" + "a" * 50_000,
        "<<X\n" * 5_000,
        "# " * 50_000,
        "```\n" * 50_000,
    ],
)
def test_text_made_to_hurt_ends_in_words(text: str, convert: Convert) -> None:
    assert convert(text).code in {2, 3}


@pytest.mark.parametrize("at", range(0, 1400, 97))
@pytest.mark.parametrize("name", ["minicpm-o-4.5-nvidia.txt", "qwen3.8-kunlunxin.md"])
def test_a_card_cut_anywhere_is_read_or_refused(name: str, at: int, convert: Convert) -> None:
    assert convert((CARDS / name).read_text()[: at + 300]).code in {0, 2, 3}


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    found = converted(tmp_path / "no.md")
    assert found.code == 2
    assert "No such file" in found.err


def test_every_flag_that_is_left_out_has_a_reason() -> None:
    silent = [name for name, flag in TABLE.items() if not flag.why and not flag.use]
    assert silent == []


def test_from_stdin_as_from_a_file() -> None:
    card = CARDS / "minicpm-o-4.5-nvidia.txt"
    words = [sys.executable, "-m", "flagos_operator", "from-docker"]
    environment = {"PYTHONPATH": str(CARDS.parents[2] / "operator")}
    with card.open("rb") as text:
        ran = subprocess.run(
            words, stdin=text, capture_output=True, text=True, check=True, env=environment
        )
    assert ran.stdout == converted(card).out


@pytest.mark.parametrize(
    "text",
    [
        "cat > a.env <<EOF\n" * 9000,  # none of them ends
        "```yaml\n"
        + "".join(
            f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" if before else "a: &a [x]\n"
            for before, name in zip(["", *"abcdefgh"], "abcdefghi", strict=True)
        )
        + "serve:\n- engine_args: {model: *i, x: *i, 1: 2, null: 3}\n```\n",
        "```yaml\nserve: [engine_args: {\n```\n",
        "```yaml\nserve: 3 # engine_args\n```\n",
        "```yaml\n" + "[" * 5000 + "# engine_args\n```\n",
        "```env\nA\n=\n==\n\x1b[0m=1\nA B=2\n```\n",
    ],
    ids=["documents", "a bomb", "broken", "a number", "deep", "odd variables"],
)
def test_what_is_pasted_beside_it_does_no_harm(text: str, convert: Convert) -> None:
    card = CARD.replace("--gpus all", "--gpus all --env-file a.env")
    began = time.monotonic()
    assert convert(text + f"```bash\n{card}```\n" if "```" in text else text + card).code == 0
    scale = "docker exec c flagscale serve qwen3 x.yaml\n"
    found = convert(f"{text}```bash\n{card.rpartition('docker exec')[0]}{scale}```\n")
    assert found.code in {0, 2, 3}
    assert time.monotonic() - began < 15
