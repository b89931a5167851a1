"""Write container images as OCI archives, with nothing but the standard library.

`ctr images import` takes the result; neither a registry nor Docker has a part in it. What matters:

- Same inputs, same digests: owner root, time zero, written order. A layer that did not change is
  found in containerd's store and not unpacked again.
- Layers are files, so that images share them and none is ever held in memory.
- The layers are not compressed: they never cross a network, and import is quicker that way.
"""

from __future__ import annotations

import hashlib
import json
import stat
import tarfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CHUNK = 1 << 20
EPOCH = "1970-01-01T00:00:00Z"
MEDIA_TYPE = "application/vnd.oci.image"
PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One uncompressed layer on disk, known by its digest."""

    path: Path
    digest: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a container starts with.

    The name is fully qualified: the CRI takes `busybox:1` for docker.io/library/busybox:1.
    """

    name: str
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


class Entry(Protocol):
    """Anything that can put itself into a layer."""

    def add_to(self, layer: LayerWriter) -> None: ...


@dataclass(frozen=True, slots=True)
class Directory:
    path: str
    mode: int = 0o755

    def add_to(self, layer: LayerWriter) -> None:
        layer.put(member(self.path, kind=tarfile.DIRTYPE, mode=self.mode))


@dataclass(frozen=True, slots=True)
class Text:
    path: str
    text: str
    mode: int = 0o644

    def add_to(self, layer: LayerWriter) -> None:
        data = self.text.encode()
        layer.put(member(self.path, mode=self.mode, size=len(data)), BytesIO(data))


@dataclass(frozen=True, slots=True)
class Symlink:
    path: str
    target: str

    def add_to(self, layer: LayerWriter) -> None:
        layer.put(member(self.path, kind=tarfile.SYMTYPE, mode=0o777, target=self.target))


@dataclass(frozen=True, slots=True)
class File:
    path: str
    source: Path
    mode: int | None = None

    def add_to(self, layer: LayerWriter) -> None:
        status = self.source.stat()
        mode = stat.S_IMODE(status.st_mode) if self.mode is None else self.mode
        with self.source.open("rb") as data:
            layer.put(member(self.path, mode=mode, size=status.st_size), data)


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole directory, put at `path` ("" for the root), without sockets and devices."""

    path: str
    source: Path

    def add_to(self, layer: LayerWriter) -> None:
        for found in sorted(self.source.iterdir()):
            entry = entry_for(found, path=str(PurePosixPath(self.path, found.name)))
            if entry:
                entry.add_to(layer)
            if isinstance(entry, Directory):
                Tree(entry.path, found).add_to(layer)


def entry_for(found: Path, *, path: str) -> Entry | None:
    status = found.lstat()
    if stat.S_ISLNK(status.st_mode):
        return Symlink(path, str(found.readlink()))
    if stat.S_ISDIR(status.st_mode):
        return Directory(path, stat.S_IMODE(status.st_mode))
    if stat.S_ISREG(status.st_mode):
        return File(path, found)
    return None


def member(
    path: str, *, mode: int, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = ""
) -> tarfile.TarInfo:
    """A tar header with nothing of this machine in it: TarInfo's defaults are root and time 0."""
    header = tarfile.TarInfo(path.strip("/"))
    header.type, header.mode, header.size, header.linkname = kind, mode, size, target
    return header


class LayerWriter:
    """A tar stream that adds missing parents and takes each path once: the first entry wins."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._seen: set[str] = set()

    def put(self, header: tarfile.TarInfo, data: IO[bytes] | None = None) -> None:
        if header.name in self._seen:
            return
        for parent in reversed(PurePosixPath(header.name).parents[:-1]):
            self.put(member(str(parent), kind=tarfile.DIRTYPE, mode=0o755))
        self._seen.add(header.name)
        self._tar.addfile(header, data)


class Hashed:
    """A file that is hashed while it is written, so that no byte is read again."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._out.write(data)

    def tell(self) -> int:
        return self._out.tell()

    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest()


def write_layer(path: Path, entries: Iterable[Entry]) -> Layer:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb", buffering=CHUNK) as out:
        hashed = Hashed(out)
        # a tar file wants an object that it can write to and tell(), no more
        with tarfile.open(fileobj=hashed, mode="w", copybufsize=CHUNK) as tar:  # type: ignore[call-overload]
            writer = LayerWriter(tar)
            for entry in entries:
                entry.add_to(writer)
    part.replace(path)
    return Layer(path=path, digest=hashed.digest(), size=path.stat().st_size)


def write_image(image: Image, path: Path) -> str:
    """Write the archive and return the digest of the image's manifest."""
    config = as_json(image_config(image))
    manifest = as_json(image_manifest(image, config=config))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with tarfile.open(part, "w", copybufsize=CHUNK) as tar:  # type: ignore[call-overload]
        archive = LayerWriter(tar)
        Text("oci-layout", '{"imageLayoutVersion":"1.0.0"}').add_to(archive)
        Text("index.json", as_json(image_index(image, manifest=manifest))).add_to(archive)
        for blob in (manifest, config):
            Text(blob_path(digest_of(blob)), blob).add_to(archive)
        for layer in image.layers:
            File(blob_path(layer.digest), layer.path, 0o644).add_to(archive)
    part.replace(path)
    return digest_of(manifest)


def image_config(image: Image) -> dict[str, Any]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": EPOCH,
        "config": {
            "Env": [
                f"{name}={value}" for name, value in ({"PATH": PATH} | dict(image.env)).items()
            ],
            "Entrypoint": list(image.entrypoint),
            "Cmd": list(image.command),
            "User": image.user,
            "WorkingDir": image.workdir,
            "Labels": dict(image.labels),
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in image.layers]},
        "history": [{"created": EPOCH} for _ in image.layers],
    }


def image_manifest(image: Image, *, config: str) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA_TYPE}.manifest.v1+json",
        "config": descriptor(f"{MEDIA_TYPE}.config.v1+json", digest_of(config), len(config)),
        "layers": [
            descriptor(f"{MEDIA_TYPE}.layer.v1.tar", layer.digest, layer.size)
            for layer in image.layers
        ],
    }


def image_index(image: Image, *, manifest: str) -> dict[str, Any]:
    entry = descriptor(f"{MEDIA_TYPE}.manifest.v1+json", digest_of(manifest), len(manifest))
    entry["platform"] = {"architecture": "amd64", "os": "linux"}
    entry["annotations"] = {
        "io.containerd.image.name": image.name,
        "org.opencontainers.image.ref.name": image.name.rpartition(":")[2],
    }
    return {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA_TYPE}.index.v1+json",
        "manifests": [entry],
    }


def descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def as_json(value: dict[str, Any]) -> str:
    """ASCII, so that its length in characters is its size in bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def digest_of(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def blob_path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")
