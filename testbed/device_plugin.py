"""python -m testbed.device_plugin [--node 2] nvidia.com/gpu=2 ...: fake devices, a real kubelet.

Runs on the machine itself: the sockets of kubelet's directory do not mind namespaces. A container
gets `/dev/gpu-0` (which is /dev/null) and NVIDIA_VISIBLE_DEVICES=gpu-0 for each device that it
asked for. Lines on standard input change their health: `nvidia.com/gpu gpu-0 Unhealthy`.

Needs grpcio and grpcio-tools; kubelet's protocol is read from the .proto file as it starts.
"""

# ruff: noqa: ANN401 - the classes of the protocol exist at run time only
from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from testbed.settings import FIRST, NODES, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROTOCOL = "testbed/deviceplugin/deviceplugin.proto"
REGISTER_SECONDS = 60
POLL_SECONDS = 0.5
THREADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertised:
    resource: str
    count: int

    @property
    def devices(self) -> tuple[str, ...]:
        kind = self.resource.rpartition("/")[2]
        return tuple(f"{kind}-{number}" for number in range(self.count))

    @property
    def variable(self) -> str:
        """As real plugins name it: NVIDIA_VISIBLE_DEVICES for nvidia.com/gpu."""
        vendor = self.resource.partition(".")[0]
        return f"{vendor.upper().replace('-', '_')}_VISIBLE_DEVICES"

    @property
    def socket(self) -> str:
        return f"fake-{self.resource.replace('/', '_')}.sock"


def parse(word: str) -> Advertised:
    resource, _, count = word.partition("=")
    if not ("/" in resource and count.isdecimal()):
        raise argparse.ArgumentTypeError(f"nvidia.com/gpu=2 would be one, {word!r} is not")
    return Advertised(resource=resource, count=int(count))


class FakePlugin:
    """The servicer of one resource; kubelet calls its methods by these names."""

    def __init__(self, advertised: Advertised, *, messages: Any) -> None:
        self.advertised = advertised
        self._messages = messages
        self._health = dict.fromkeys(advertised.devices, "Healthy")

    def GetDevicePluginOptions(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return self._messages.DevicePluginOptions()

    def ListAndWatch(self, _request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        told: dict[str, str] = {}
        while context.is_active():
            if told != self._health:
                told = self._health
                yield self._listed(told)
            time.sleep(POLL_SECONDS)

    def Allocate(self, request: Any, _context: Any) -> Any:  # noqa: N802
        asked = [list(container.devices_ids) for container in request.container_requests]
        print("allocated", self.advertised.resource, asked, flush=True)
        answers = [self._granted(devices) for devices in asked]
        return self._messages.AllocateResponse(container_responses=answers)

    def set_health(self, device: str, *, health: str) -> None:
        self._health = self._health | {device: health}  # a new one: the old may be in use

    def _listed(self, health: dict[str, str]) -> Any:
        device = self._messages.Device
        devices = [device(ID=name, health=state) for name, state in health.items()]
        return self._messages.ListAndWatchResponse(devices=devices)

    def _granted(self, devices: list[str]) -> Any:
        spec = self._messages.DeviceSpec
        return self._messages.ContainerAllocateResponse(
            envs={self.advertised.variable: ",".join(sorted(devices))},
            devices=[
                spec(container_path=f"/dev/{name}", host_path="/dev/null", permissions="rw")
                for name in devices
            ],
        )


def serve_for_ever(advertised: Iterable[Advertised], *, directory: Path) -> None:
    """A kubelet that starts anew has forgotten every plugin, and deleted its socket too."""
    messages, services = grpc.protos_and_services(PROTOCOL)
    plugins = [FakePlugin(one, messages=messages) for one in advertised]
    threading.Thread(target=obey, args=(sys.stdin, plugins), daemon=True).start()
    while True:
        kubelet = wait_for_kubelet(directory)
        servers = [serve(plugin, directory=directory, services=services) for plugin in plugins]
        for plugin in plugins:
            register(plugin.advertised, directory=directory, messages=messages, services=services)
        while identity(directory) == kubelet:
            time.sleep(POLL_SECONDS)
        for server in servers:
            server.stop(grace=None)


def wait_for_kubelet(directory: Path) -> int:
    while not (found := identity(directory)):
        time.sleep(POLL_SECONDS)
    return found


def identity(directory: Path) -> int:
    """Which kubelet this is, 0 for none: each makes its socket anew."""
    try:
        return (directory / "kubelet.sock").stat().st_ctime_ns
    except FileNotFoundError:
        return 0


def serve(plugin: FakePlugin, *, directory: Path, services: Any) -> Any:
    path = directory / plugin.advertised.socket
    path.unlink(missing_ok=True)
    server = grpc.server(ThreadPoolExecutor(THREADS))
    services.add_DevicePluginServicer_to_server(plugin, server)
    server.add_insecure_port(f"unix://{path}")
    server.start()
    return server


def register(advertised: Advertised, *, directory: Path, messages: Any, services: Any) -> None:
    request = messages.RegisterRequest(
        version="v1beta1", endpoint=advertised.socket, resource_name=advertised.resource
    )
    with grpc.insecure_channel(f"unix://{directory}/kubelet.sock") as channel:
        kubelet = services.RegistrationStub(channel)
        kubelet.Register(request, timeout=REGISTER_SECONDS, wait_for_ready=True)
    print(f"registered {advertised.resource}={advertised.count}", flush=True)


def obey(lines: Iterable[str], plugins: Iterable[FakePlugin]) -> None:
    by_resource = {plugin.advertised.resource: plugin for plugin in plugins}
    for line in lines:
        resource, device, health = line.split()
        by_resource[resource].set_health(device, health=health)


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m testbed.device_plugin")
    parser.add_argument("--node", type=int, choices=NODES, default=FIRST)
    parser.add_argument("offered", type=parse, nargs="+", metavar="RESOURCE=COUNT")
    given = parser.parse_args(words)
    settings = Settings.from_environment(os.environ, home=Path.home()).of_node(given.node)
    directory = settings.node_dir / "kubelet" / "device-plugins"
    serve_for_ever(given.offered, directory=directory)


if __name__ == "__main__":
    main(sys.argv[1:])
