"""Command lines and configuration of the daemons agree with each other and with what is made."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from testbed import addons, configs, daemons, kwok, node, pki
from testbed.settings import SECOND, Settings
from testbed.shell import TestbedError

SETTINGS = Settings(cache=Path("/cache"))
SECOND_NODE = SETTINGS.of_node(SECOND)
MADE_ONCE = {"ca.crt", "ca.key", "sa.key", "sa.pub"}


@pytest.mark.parametrize("settings", [SETTINGS, SECOND_NODE], ids=["first", "second"])
def test_every_key_that_is_used_is_made(settings):
    configured = json.dumps([configs.kubelet(settings), configs.kube_proxy(settings)])
    words = [word for command in daemons.commands(settings).values() for word in command]
    used = set(re.findall(r"/cache/run/pki/([\w.-]+)", " ".join(words) + configured))
    pairs = {
        f"{identity.file}.{kind}"
        for identity in pki.identities(SETTINGS.network)
        for kind in ("crt", "key")
    }
    assert used <= pairs | MADE_ONCE | {f"{name}.conf" for name in daemons.kubeconfigs(settings)}


def test_every_kubeconfig_has_an_identity():
    known = {identity.file for identity in pki.identities(SETTINGS.network)}
    for settings in (SETTINGS, SECOND_NODE):
        assert {*daemons.kubeconfigs(settings), "admin"} <= known


def test_the_node_runs_on_either_version_of_cgroups():
    assert configs.kubelet(SETTINGS)["failCgroupV1"] is False


def test_containerd_is_told_in_valid_toml_where_its_things_are():
    told = tomllib.loads(configs.containerd(SETTINGS))
    assert told["grpc"]["address"] == str(SETTINGS.containerd_socket)
    cri = told["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["sandbox_image"] == "localhost/pause:1"
    assert configs.kubelet(SETTINGS)["containerRuntimeEndpoint"].endswith(told["grpc"]["address"])


@pytest.mark.parametrize("settings", [SETTINGS, SECOND_NODE], ids=["first", "second"])
def test_pods_get_addresses_that_the_machine_routes_to_the_node(settings):
    (bridge, _) = configs.pod_network(settings)["plugins"]
    assert bridge["ipam"]["ranges"] == [[{"subnet": str(settings.pods)}]]


def test_a_second_node_runs_pods_and_nothing_of_the_control_plane():
    assert set(daemons.commands(SECOND_NODE)) == {"containerd", "kubelet", "kube-proxy"}
    assert "--node-ip=10.89.0.12" in daemons.commands(SECOND_NODE)["kubelet"]
    assert set(node.routed(SECOND_NODE)) == {"10.89.0.12", "10.89.66.0/24"}


def test_an_unknown_daemon_is_answered_with_the_known_ones():
    with pytest.raises(TestbedError, match="dockerd") as error:
        daemons.known(SETTINGS, "dockerd")
    assert "kubelet" in error.value.cure


def test_addons_use_only_images_that_are_made_here():
    text = json.dumps(addons.manifests(SETTINGS)).replace("\\", "")
    assert set(re.findall(r'"image": "([^"]+)"', text)) == {
        "localhost/busybox:1",
        "localhost/coredns:1",
        "localhost/local-path-provisioner:1",
    }


def test_pods_ask_the_dns_service_that_is_made():
    (service,) = [item for item in addons.dns(SETTINGS) if item["kind"] == "Service"]
    assert configs.kubelet(SETTINGS)["clusterDNS"] == [service["spec"]["clusterIP"]]


def test_what_leads_nowhere_is_refused_at_once():
    rules = [" ".join(rule) for rule in node.refusals(SETTINGS)]
    assert "-A FORWARD ! -d 10.89.0.0/16 -j REJECT" in rules
    assert "-A OUTPUT -d 10.89.128.0/18 -j REJECT" in rules


def test_kwok_manages_none_but_its_own_nodes():
    made = kwok.node("fake")["metadata"]["annotations"]
    (wanted,) = (
        word.partition("=")[2]
        for word in kwok.command(SETTINGS)
        if word.startswith("--manage-nodes-with-annotation-selector")
    )
    assert wanted in {f"{key}={value}" for key, value in made.items()}


def test_pods_of_kwok_have_addresses_that_no_real_pod_gets():
    network = SETTINGS.network
    assert network.fake_pods.subnet_of(network.pods)
    assert not network.fake_pods.overlaps(SETTINGS.pods)


def test_what_runs_on_request_is_a_daemon_like_the_others():
    assert daemons.commands(SETTINGS).keys() >= daemons.ON_REQUEST
