"""What `python3 -m testbed` says, as a shell or a person reads it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testbed import __main__ as commands

ROOT = Path(__file__).parents[3]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAGOS_CACHE", str(tmp_path))
    monkeypatch.setenv("FLAGOS_CLUSTER", "not-there")
    monkeypatch.setenv("FLAGOS_NETWORK", "10.200.0.0/16")
    return tmp_path


def test_env_prints_what_a_shell_evaluates_and_a_person_reads(cache, capsys):
    assert commands.main(["env"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f'export PATH={cache}/path:"$PATH"',
        f"export KUBECONFIG={cache}/run-not-there/admin.conf",
        f"export FLAGOS_CACHE={cache}",
        "export FLAGOS_CLUSTER=not-there",
        "export FLAGOS_NETWORK=10.200.0.0/16",
        "# the cluster not-there, at 10.200.0.0/16",
    ]


@pytest.mark.parametrize("evaluate", ["eval $({})", 'eval "$({})"'])
def test_whatever_comes_later_in_that_shell_finds_the_same_cluster(tmp_path, evaluate):
    """With quotes or without: then all is one line."""
    env = f"{sys.executable} -m testbed env"
    other = f"FLAGOS_CACHE={tmp_path} FLAGOS_CLUSTER=two FLAGOS_NETWORK=10.90.0.0/16 {env}"
    script = f'{evaluate.format(other)}; echo "$KUBECONFIG"; {env}'
    shell = {"HOME": "/nowhere", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=shell, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[0] == f"{tmp_path}/run-two/admin.conf"
    assert done.stdout.endswith("\n# the cluster two, at 10.90.0.0/16\n")


def test_status_says_how_to_start_a_cluster(cache, capsys):
    assert commands.main(["status"]) == 1
    assert "make cluster" in capsys.readouterr().out


def test_an_error_names_its_cure(cache, capsys):
    assert commands.main(["load"]) == 1
    said = capsys.readouterr().err
    assert "error: no cluster is running" in said
    assert "cure:  start one with `make cluster`" in said


def test_nothing_is_left_where_nothing_ran(cache, capsys):
    assert commands.main(["leftovers"]) == 0
    assert capsys.readouterr().out == ""
