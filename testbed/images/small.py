"""The images of one program each: what a cluster needs before it runs anything of ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

from testbed.images import oci, rootfs
from testbed.images.store import Store

BUSYBOX = Path("/bin/busybox")
PAUSE = Path(__file__).with_name("pause.c")


def build_small(binaries: Path) -> list[Path]:
    """Archives of pause, busybox and the Go programs, rebuilt only where an input changed."""
    store = Store.of_this_machine()
    programs = ("coredns", "local-path-provisioner")
    return [pause(store), busybox(store), *(program(store, binaries / name) for name in programs)]


def pause(store: Store) -> Path:
    def make(scratch: Path) -> oci.Image:
        binary = scratch / "pause"
        subprocess.run(["gcc", "-Os", "-s", "-static", "-o", binary, PAUSE], check=True)
        return of_program(binary, scratch=scratch)

    return store.image("localhost/pause:1", inputs=[PAUSE, *recipe()], make=make)


def program(store: Store, binary: Path) -> Path:
    return store.image(
        f"localhost/{binary.name}:1",
        inputs=[binary, *recipe()],
        make=lambda scratch: of_program(binary, scratch=scratch),
    )


def of_program(binary: Path, *, scratch: Path) -> oci.Image:
    name = binary.name
    entries: list[oci.Entry] = [oci.File(name, binary, 0o755), oci.Directory("tmp", 0o1777)]
    layer = oci.write_layer(scratch / "layer.tar", entries)
    return oci.Image(name=f"localhost/{name}:1", layers=(layer,), entrypoint=(f"/{name}",))


def busybox(store: Store) -> Path:
    def make(scratch: Path) -> oci.Image:
        layer = oci.write_layer(scratch / "layer.tar", busybox_root())
        return oci.Image(name="localhost/busybox:1", layers=(layer,), command=("sh",))

    return store.image("localhost/busybox:1", inputs=[BUSYBOX, rootfs.USERS, *recipe()], make=make)


def busybox_root() -> list[oci.Entry]:
    listed = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True)
    applets = sorted(set(listed.stdout.split()) - {"busybox"})
    return [
        oci.File("bin/busybox", BUSYBOX, 0o755),
        *(oci.Symlink(f"bin/{applet}", "busybox") for applet in applets),
        *(oci.Directory(name) for name in ("dev", "proc", "sys", "etc", "root", "var", "run")),
        oci.Directory("tmp", 0o1777),
        oci.Symlink("sbin", "bin"),
        oci.Symlink("usr/bin", "../bin"),
        oci.Text("etc/passwd", rootfs.USERS),
        oci.Text("etc/group", rootfs.GROUPS),
    ]


def recipe() -> list[Path]:
    """What is written here is an input too: an edit must show."""
    return [Path(__file__)]
