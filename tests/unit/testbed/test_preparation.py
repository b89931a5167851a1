"""What is checked, installed and built before a cluster starts."""

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from testbed import (
    borrowed,
    cgroups,
    cluster,
    gobuild,
    leftovers,
    node,
    packages,
    pki,
    preflight,
    runtime,
)
from testbed.images import OF_UPGRADES
from testbed.settings import Settings
from testbed.shell import TestbedError, attempt, run, wait_until
from testbed.terminal import Progress


def test_a_cache_that_the_node_cannot_see_is_refused():
    with pytest.raises(TestbedError, match="/var/lib/flagos") as error:
        preflight.check_cache(Path("/var/lib/flagos"))
    assert "FLAGOS_CACHE" in error.value.cure


def test_a_cache_too_deep_for_sockets_is_refused():
    with pytest.raises(TestbedError, match="too long"):
        preflight.check_cache(Path("/home") / ("x" * 60))


def test_a_full_disk_is_named_before_anything_is_done(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=2 * 10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(TestbedError, match="2 GB free; about 12 GB"):
        preflight.check_disk(tmp_path)


def test_debian_starts_nothing_while_packages_are_installed(tmp_path):
    policy = tmp_path / "policy-rc.d"
    with packages.no_service_starts(policy):
        assert attempt(policy).returncode == 101
    assert not policy.exists()


def test_a_policy_of_the_machines_own_stays(tmp_path):
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0\n")
    with packages.no_service_starts(policy):
        pass
    assert policy.read_text().endswith("exit 0\n")


@pytest.mark.parametrize(
    ("said", "release"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.19.8 linux/amd64", (1, 19)),
        ("", ()),
    ],
)
def test_a_go_release_is_read_from_its_version(said, release):
    assert gobuild.go_release(said) == release


def test_no_go_is_older_than_any():
    assert gobuild.go_release("") < gobuild.OLDEST_GO


def test_programs_are_built_anew_when_a_source_or_a_flag_changes():
    files = gobuild.sources()
    assert {path.name for path in files} >= {"go.mod", "go.sum", "main.go"}
    commands = gobuild.builds()
    digest = gobuild.inputs_digest(files, commands=commands)
    assert digest == gobuild.inputs_digest(files, commands=commands)
    assert digest != gobuild.inputs_digest(files[1:], commands=commands)
    assert digest != gobuild.inputs_digest(files, commands=commands[1:])


def test_go_mod_pins_the_release_that_the_programs_report():
    pinned = (gobuild.SOURCES / "go.mod").read_text()
    assert f"k8s.io/kubernetes {gobuild.PINNED_KUBERNETES}\n" in pinned


def test_only_the_newest_builds_are_kept(tmp_path):
    for age, name in enumerate(("go-new", "go-last", "go-old", "go-older")):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (10**9 - age, 10**9 - age))
    gobuild.forget_old(tmp_path / "go-new")
    assert {path.name for path in tmp_path.iterdir()} == {"go-new", "go-last"}


def test_an_archive_that_is_not_whole_yet_is_not_imported(tmp_path):
    for name in ("whole", "half"):
        (tmp_path / f"{name}.tar").write_text("")
    (tmp_path / "whole.json").write_text('{"name": "localhost/whole:1", "digest": "sha256:1"}')
    assert [archive.name for archive in runtime.archives(tmp_path)] == ["localhost/whole:1"]


def test_a_cluster_starts_without_the_images_that_upgrades_are_between():
    names = ("localhost/flagos-operator:dev", "localhost/pause:1", *OF_UPGRADES)
    found = [runtime.Archive(path=Path(name), name=name, digest="sha256:1") for name in names]
    started = runtime.wanted(found, only=frozenset(), but=OF_UPGRADES)
    assert [each.name for each in started] == [
        "localhost/flagos-operator:dev",
        "localhost/pause:1",
    ]
    asked = runtime.wanted(found, only=OF_UPGRADES, but=frozenset())
    assert {each.name for each in asked} == OF_UPGRADES


def test_containerd_says_which_images_it_has():
    listing = (
        "REF                  TYPE                                       DIGEST    SIZE\n"
        "localhost/pause:1    application/vnd.oci.image.manifest.v1+json sha256:1  668.9 KiB\n"
    )
    assert runtime.images(listing) == {"localhost/pause:1": "sha256:1"}


def test_certificates_are_made_once_and_hang_on_one_authority(tmp_path):
    settings = Settings(cache=tmp_path)
    pki.ensure(settings)
    authority = settings.pki / "ca.crt"
    for identity in pki.identities(settings.network):
        run("openssl", "verify", "-CAfile", authority, settings.pki / f"{identity.file}.crt")
    before = authority.read_bytes()
    pki.ensure(settings)
    assert authority.read_bytes() == before


def test_a_kubeconfig_is_nobody_elses_to_read(tmp_path):
    settings = Settings(cache=tmp_path)
    pki.ensure(settings)
    pki.write_kubeconfig(settings, identity="admin", path=settings.kubeconfig)
    assert settings.kubeconfig.stat().st_mode & 0o077 == 0
    assert "https://10.89.0.11:6443" in settings.kubeconfig.read_text()


def test_a_setting_of_the_machine_that_changed_is_a_leftover(tmp_path, monkeypatch):
    settings = Settings(cache=tmp_path)
    settings.run.mkdir()
    monkeypatch.setattr(leftovers, "machine", lambda: {"sysctl kernel/panic = 1"})
    leftovers.remember_machine(settings)
    assert leftovers.changes(settings) == []
    monkeypatch.setattr(leftovers, "machine", lambda: {"sysctl kernel/panic = 10"})
    assert leftovers.changes(settings) == ["sysctl kernel/panic = 10"]


def test_down_ends_both_nodes_the_one_behind_the_other_first(tmp_path, monkeypatch):
    ended = []
    monkeypatch.setattr(node, "stop", lambda settings: ended.append(settings.cgroup))
    cluster.take_down(Settings(cache=tmp_path))
    assert ended == ["flagos-node2", "flagos-node1"]
    assert set(leftovers.names(Settings(cache=tmp_path))) == set(ended)


def test_a_failed_command_is_told_with_its_own_words():
    with pytest.raises(TestbedError, match=r"(?s)`sh -c .*failed \(3\).*no luck"):
        run("sh", "-c", "echo no luck >&2; exit 3")


def test_giving_up_shows_the_log_that_knows_why(tmp_path):
    log = tmp_path / "etcd.log"
    log.write_text("cannot bind\n")
    with pytest.raises(TestbedError, match=r"(?s)etcd: not within.*cannot bind"):
        wait_until(lambda: False, seconds=0, what="etcd", log=log)


def test_what_is_borrowed_of_the_machine_is_given_back(tmp_path, monkeypatch):
    settings = Settings(cache=tmp_path)
    settings.run.mkdir()
    (tmp_path / "cgroup.controllers").write_text("cpu")
    (tmp_path / "cgroup.subtree_control").write_text("")
    monkeypatch.setattr(cgroups, "TREE", tmp_path)
    monkeypatch.setattr(borrowed, "BRIDGE_SYSCTLS", tmp_path)
    borrowed.borrow(settings)
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu"
    borrowed.give_back(settings)
    assert (tmp_path / "cgroup.subtree_control").read_text() == "-cpu"


def test_a_build_is_made_once_by_two_who_ask_for_it_at_once(tmp_path, monkeypatch):
    settings = Settings.from_environment({"FLAGOS_CACHE": str(tmp_path)}, home=tmp_path)
    built, said, under_way, looked = [], [], threading.Event(), threading.Event()

    def build_into(target: Path) -> None:
        built.append(target)
        under_way.set()
        assert looked.wait(30)  # until the second one has found the first at work
        target.mkdir(parents=True)

    class Said(Progress):
        def say(self, text: str) -> None:
            said.append(text)
            if "another process builds already" in text:
                looked.set()

    monkeypatch.setattr(gobuild, "build_into", build_into)
    monkeypatch.setattr(cluster.preflight, "check", lambda _: None)
    monkeypatch.setattr(cluster.packages, "ensure", lambda _: None)
    monkeypatch.setattr(cluster.small, "build_small", lambda _: None)
    with ThreadPoolExecutor(2) as both:
        first = both.submit(cluster.build, settings, Said())
        assert under_way.wait(30)
        second = both.submit(cluster.build, settings, Said())
        assert first.result() == second.result()
    assert len(built) == 1
