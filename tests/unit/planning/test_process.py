"""The real program: what a shell sees of `plan`, also through a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.desired.build import model

REFUSED = model(server={"tensorParallelSize": 8})
CODES = [(model(), 0), (REFUSED, 1), ({"kind": "Secret"}, 2)]
PROGRAM = f"{sys.executable} -m flagos_operator plan --offline -f models.yaml"


def shell(line: str, folder: Path, *bodies: Any) -> subprocess.CompletedProcess[str]:
    """With the code of the program itself, whatever its reader does."""
    (folder / "models.yaml").write_text(yaml.safe_dump_all(bodies))
    lost = {"KUBECONFIG", "KUBERNETES_SERVICE_HOST"}
    kept = {name: value for name, value in os.environ.items() if name not in lost}
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"],
        cwd=folder,
        env={**kept, "HOME": str(folder), "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("body", "code"), CODES)
@pytest.mark.parametrize("reader", ["", " | cat", " | true"])
def test_the_code_is_the_same_whoever_reads(
    tmp_path: Path, body: Any, code: int, reader: str
) -> None:
    done = shell(f"{PROGRAM}{reader}", tmp_path, body)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_refusal_is_printed_where_words_are_printed(tmp_path: Path) -> None:
    done = shell(f"{PROGRAM} | cat", tmp_path, REFUSED)
    assert "  refused   TooFewDevices: spec.server: tensorParallelSize 8" in done.stdout
    assert done.stdout.endswith("qwen: refused, nothing would change\n")
    assert done.stderr == ""


def test_a_long_answer_to_a_short_reader_is_no_error(tmp_path: Path) -> None:
    many = (model(f"qwen-{at}") for at in range(40))  # more than a pipe holds
    done = shell(f"{PROGRAM} --json | head -1", tmp_path, *many)
    assert (done.returncode, done.stdout, done.stderr) == (0, "{\n", "")
