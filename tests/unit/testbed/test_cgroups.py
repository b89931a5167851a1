"""A node's cgroups are found in what the kernel says, on machines of either kind."""

from pathlib import Path

from testbed import cgroups, node

SPLIT = """\
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
SPLIT_MEMBERSHIP = """\
9:name=systemd:/
4:memory:/jobs/17
1:cpu:/
0::/
"""
COMBINED = """\
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
"""
UNIFIED = """\
30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
"""


def directories(mountinfo: str, membership: str) -> list[str]:
    found = cgroups.hierarchies(mountinfo, membership)
    return [str(hierarchy.directory("test-node1")) for hierarchy in found]


def test_the_node_hangs_below_the_callers_own_cgroup():
    assert directories(SPLIT, SPLIT_MEMBERSHIP) == [
        "/sys/fs/cgroup/cpu/test-node1",
        "/sys/fs/cgroup/memory/jobs/17/test-node1",
        "/sys/fs/cgroup/systemd/test-node1",
    ]


def test_controllers_that_share_a_hierarchy_stay_together():
    (found,) = cgroups.hierarchies(COMBINED, "4:cpu,cpuacct:/user.slice\n")
    assert found.controllers == "cpu,cpuacct"


def test_version_2_has_no_hierarchies():
    assert directories(UNIFIED, "0::/user.slice/session-1.scope\n") == []


def test_controllers_are_handed_out_by_a_cgroup_without_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(cgroups, "TREE", tmp_path)
    top = a_cgroup(tmp_path / "test-node1", controllers="cpu memory")
    cgroups.settle("test-node1")
    assert (top / "cgroup.subtree_control").read_text() in ("+cpu", "+memory")  # the last written
    assert cgroups.entrances("test-node1") == [top / "daemons"]


def a_cgroup(path: Path, *, controllers: str) -> Path:
    path.mkdir(exist_ok=True)
    (path / "cgroup.controllers").write_text(controllers)
    (path / "cgroup.subtree_control").write_text("")
    (path / "cgroup.procs").write_text("")
    return path


def test_the_first_process_of_the_node_is_not_that_of_a_pod():
    assert node.is_first_in_namespace(["Name:\tbash", "NSpid:\t28749\t1"])
    assert not node.is_first_in_namespace(["NSpid:\t29143\t211\t1"])  # a pod's
    assert not node.is_first_in_namespace(["NSpid:\t28806\t57"])  # a daemon
    assert not node.is_first_in_namespace([])  # gone
