"""What `python3 -m testbed` says, as a shell or a person reads it."""

import pytest

from testbed import __main__ as commands


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAGOS_CACHE", str(tmp_path))
    monkeypatch.setenv("FLAGOS_CLUSTER", "not-there")
    monkeypatch.setenv("FLAGOS_NETWORK", "10.200.0.0/16")
    return tmp_path


def test_env_prints_nothing_but_what_a_shell_evaluates(cache, capsys):
    assert commands.main(["env"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f'export PATH={cache}/path:"$PATH"',
        f"export KUBECONFIG={cache}/run-not-there/admin.conf",
    ]


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
