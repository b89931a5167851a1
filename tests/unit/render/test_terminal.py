"""Verbs whose input is closed, whose output is full, whose reader is gone: a word, no defect."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOG = ROOT / "tests" / "unit" / "status" / "logs" / "bad-value.txt"
CARD = next((ROOT / "tests" / "data" / "cards").glob("minicpm5-metax.md"))
EXAMPLE = ROOT / "examples" / "tiny-cpu.yaml"
PRINTING = [
    ("explain", str(LOG)),
    ("from-docker", str(CARD)),
    ("plan", "--offline", "-f", str(EXAMPLE)),
    ("render", "-f", str(EXAMPLE)),
    ("crd",),
    ("crd", "--docs"),
]
# It says the same result on stderr and ends with the code of that.
NOTHING_RECORDED = ("verify", str(LOG.parent), "--json")


def ended(words: tuple[str, ...], *, behind: str) -> tuple[int, str]:
    """`behind` is what a shell writes behind the command."""
    command = f'exec "$0" -m flagos_operator "$@" {behind}'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable, *words],
        cwd=ROOT / "operator",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=50,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "words", [("explain", "-"), ("from-docker", "-"), ("plan", "--offline", "-f", "-")]
)
def test_an_input_that_is_closed(words: tuple[str, ...]):
    code, said = ended(words, behind="<&-")
    assert (code, "standard input is closed" in said) == (2, True)
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [*PRINTING, NOTHING_RECORDED])
def test_an_output_without_room(words: tuple[str, ...]):
    code, said = ended(words, behind="> /dev/full")
    assert (code, "stdout: No space left on device" in said) == (2, True)
    assert "Traceback" not in said


@pytest.mark.parametrize("words", PRINTING)
def test_a_reader_that_is_gone_changes_no_exit_code(words: tuple[str, ...]):
    code, said = ended(words, behind="> >(:)")
    assert code == 0
    assert "BrokenPipe" not in said


def test_a_reader_that_is_gone_changes_no_code_of_a_result():
    code, said = ended(NOTHING_RECORDED, behind="> >(:)")
    assert (code, "BrokenPipe" in said) == (21, False)


@pytest.mark.parametrize("content", [b"", b"a: [", b"- a", b"\xff\xfe\x00"])
def test_a_file_that_is_no_kubeconfig(content: bytes, tmp_path: Path):
    config = tmp_path / "config"
    config.write_bytes(content)
    words = ("plan", "--kubeconfig", str(config), "-f", str(EXAMPLE))
    code, said = ended(words, behind="")
    assert (code, str(config) in said) == (2, True)
    assert "Traceback" not in said
