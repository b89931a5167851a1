"""Debian with Python and little else, unpacked from its packages: what our images stand on.

Neither debootstrap nor a chroot is needed. Asked with an empty status file, apt works out the
whole closure, libc included, and no maintainer script has anything to do that is missed here.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.images import bytecode, oci
from testbed.shell import attempt, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from testbed.images.store import Store

PACKAGES = (
    "bash",
    "busybox-static",
    "dash",
    "netbase",
    "python3",
    # The rest is vLLM's: its libraries, and lscpu, which it asks for the processor's cores.
    "libgomp1",
    "libnuma1",
    "libstdc++6",
    "util-linux",
)
# apt would add a Perl program to manage certificates; the certificates are all that is needed.
ALONE = ("ca-certificates",)

MERGED = ("bin", "sbin", "lib", "lib64")
EMPTY = ("dev", "proc", "sys", "run", "var", "home", "root", "mnt", "srv")
UNUSED = (
    "etc/apt",
    "etc/dpkg",
    "usr/bin/*dpkg*",
    "usr/lib/dpkg",
    "usr/lib/python3.11/ensurepip",
    "usr/lib/python3.11/lib2to3",
    "usr/lib/python3.11/pydoc_data",
    "usr/lib/python3.11/test",
    "usr/lib/systemd",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/share/bash-completion",
    "usr/share/common-licenses",
    "usr/share/debconf",
    "usr/share/doc",
    "usr/share/dpkg",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/perl5",
    "var/cache",
    "var/lib/dpkg",
)

USERS = """\
root:x:0:0:root:/root:/bin/sh
operator:x:65532:65532:operator:/:/bin/false
nobody:x:65534:65534:nobody:/:/bin/false
"""
GROUPS = "root:x:0:\noperator:x:65532:\nnogroup:x:65534:\n"
# Without this file the C library would ask DNS before /etc/hosts.
NAMES = "passwd: files\ngroup: files\nhosts: files dns\n"


def base(store: Store) -> Path:
    """The unpacked root."""
    return store.directory(
        "base",
        inputs=[Path(__file__), Path(bytecode.__file__)],
        make=unpack_into,
        usually="10 s, 22 MB to download",
    )


def layer(store: Store) -> oci.Layer:
    root = base(store)
    return store.layer("base", inputs=[root.name], make=lambda: [oci.Tree("", root)])


def unpack_into(root: Path) -> None:
    lay_out(root)
    archives = root / "var" / "cache"
    for package in download(archives):
        unpack(package, root=root)
    for pattern in UNUSED:
        remove(root.glob(pattern))
    link_busybox(root)
    write_etc(root)
    bytecode.compile_tree(root / "usr/lib/python3.11", strip=root)


def lay_out(root: Path) -> None:
    for name in MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for name in EMPTY:
        (root / name).mkdir()
    for name in ("opt/vllm-cache", bytecode.INSTALLED.lstrip("/")):
        (root / name).mkdir(parents=True)
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)


def download(archives: Path) -> list[Path]:
    (archives / "partial").mkdir(parents=True)
    if attempt(*apt(archives), "install", *PACKAGES).returncode:
        run("apt-get", "update", "-qq")
        run(*apt(archives), "install", *PACKAGES)
    run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *ALONE, cwd=archives)
    return sorted(archives.glob("*.deb"))


def apt(archives: Path) -> tuple[str, ...]:
    options = {
        "Dir::State::status": "/dev/null",
        "Dir::Cache::archives": str(archives),
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ("apt-get", "-qq", "-y", "--no-install-recommends", "--download-only", *words)


def unpack(package: Path, *, root: Path) -> None:
    """Follow the links of the merged /usr instead of replacing them."""
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE
    ) as archive:
        subprocess.run(
            ["tar", "-x", "--keep-directory-symlink", "-C", root], stdin=archive.stdout, check=True
        )


def remove(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def link_busybox(root: Path) -> None:
    """A command for each applet that Debian has not put there itself."""
    places = [root / "usr" / name for name in ("bin", "sbin")]
    for applet in run(root / "usr/bin/busybox", "--list").split():
        if not any((place / applet).is_symlink() or (place / applet).exists() for place in places):
            (places[0] / applet).symlink_to("busybox")


def write_etc(root: Path) -> None:
    (root / "etc/passwd").write_text(USERS)
    (root / "etc/group").write_text(GROUPS)
    (root / "etc/nsswitch.conf").write_text(NAMES)
    write_certificates(root)


def write_certificates(root: Path) -> None:
    """One bundle, where OpenSSL and with it Python looks for it."""
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_text("".join(path.read_text() for path in certificates))
    (root / "usr/lib/ssl").mkdir()
    (root / "usr/lib/ssl/cert.pem").symlink_to("/etc/ssl/certs/ca-certificates.crt")
