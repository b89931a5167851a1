"""Where a cluster keeps its things and which addresses it takes."""

from pathlib import Path

from testbed.settings import NODES, SECOND, Settings


def settings(**environ: str) -> Settings:
    return Settings.from_environment(environ, home=Path("/home/ada"))


def test_everything_is_below_one_cache_directory():
    found = settings()
    assert found.cache == Path("/home/ada/.cache/flagos-operator")
    assert found.kubeconfig == found.cache / "run" / "admin.conf"


def test_the_cache_can_be_elsewhere():
    assert settings(FLAGOS_CACHE="/big/disk").images == Path("/big/disk/images")


def test_a_second_cluster_shares_nothing_that_moves():
    one, two = settings(), settings(FLAGOS_CLUSTER="two", FLAGOS_NETWORK="10.90.0.0/16")
    for part in ("run", "link", "cgroup", "network"):
        assert getattr(one, part) != getattr(two, part)
    assert one.images == two.images


def test_nodes_of_a_cluster_share_its_certificates_and_nothing_that_is_theirs():
    first, second = settings(), settings().of_node(SECOND)
    for part in ("node", "address", "pods", "node_dir", "logs", "containerd_socket", "cgroup"):
        assert getattr(first, part) != getattr(second, part)
    assert (first.pki, first.kubeconfig, first.run) == (second.pki, second.kubeconfig, second.run)


def test_no_two_ranges_overlap():
    network, nodes = settings().network, [settings().of_node(number) for number in NODES]
    ranges = (network.pods, network.services)
    assert not network.pods.overlaps(network.services)
    assert all(part.subnet_of(network.whole) for part in ranges)
    assert all(node.pods.subnet_of(network.pods) for node in nodes)
    assert not nodes[0].pods.overlaps(nodes[1].pods)
    for address in (network.machine, *(node.address for node in nodes)):
        assert address in network.whole
        assert not any(address in part for part in ranges)
    assert {network.api_service, network.dns} <= set(network.services)
