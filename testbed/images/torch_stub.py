"""Make the CUDA build of torch load on a machine without any of NVIDIA's libraries.

The package index has torch for Linux with CUDA only. Its Python half is linked against
libtorch_cuda.so (470 MB), and that against 2.2 GB of further libraries. Without a GPU none of
their code is ever reached: torch asks libcudart first, which is real here (2 MB) and says "no
device". Only the dynamic linker wants every name to be there. So one library of 50 kB takes the
place of all of them, and torch shrinks to what a CPU uses.

What a name has to be was learnt from crashes while loading:

- Functions return the address of a zeroed page: static initialisers assign through what they get
  (`c10d::get_gil_checker() = ...`), and a zero byte reads as "false".
- Constructors leave a vtable behind: pybind11 takes the typeid of default arguments.
- Type information is the real thing, as pybind11 hashes it and reads its name.
- Names that are asked for with a version are given with that version, or ld.so aborts.

Made for torch 2.13. If a later torch no longer loads with it, install the nvidia-* packages that
torch requires instead of calling this; the image then has 6 GB in place of 1.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed.shell import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

STUB = "libtorch_cuda.so"
KEPT = (
    "libc10.so",
    "libc10_cuda.so",
    "libshm.so",
    "libtorch.so",
    "libtorch_cpu.so",
    "libtorch_global_deps.so",
    "libtorch_python.so",
)
REPLACED = (STUB, "libtorch_cuda_linalg.so", "libtorch_nvshmem.so", "libcaffe2_nvrtc.so")
REAL = "nvidia/*/lib/libcudart.so.*"

OF_THE_SYSTEM = re.compile(r"GLIBC|GCC|CXXABI|GLIBCXX|GOMP|OMP|OACC")
OF_NVIDIA = re.compile(r"(cu[a-z]*[A-Z]|__cuda|nccl|nv|cupti|cudnn|cufile)")
NEEDED_OF_NVIDIA = re.compile(r"\[(lib(?:cu|nccl|nv)[^\]]*)\]")
CONSTRUCTOR = re.compile(r"C[12]E")
TYPEINFO = "_ZTI"
FUNCTION_TYPES = "TtWi"

PREAMBLE = """\
/* Stands in for the libraries of CUDA where there is no GPU. */
extern const void *const _ZTVN10__cxxabiv117__class_type_infoE[];
struct typeinfo { const void *vtable; const char *name; };
static char zeros[65536] __attribute__((aligned(4096)));
static void *nothing(void) { return zeros; }
static struct typeinfo no_type = { &_ZTVN10__cxxabiv117__class_type_infoE[2], "6NoCuda" };
static const void *no_vtable[66] = { 0, &no_type, [2 ... 65] = nothing };
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    name: str
    version: str = ""
    type: str = "T"
    size: int = 0

    @property
    def mangled_type(self) -> str:
        return self.name.removeprefix(TYPEINFO)


def install(site: Path, *, scratch: Path) -> None:
    """Replace the libraries below `site`; needs gcc, nm and readelf."""
    libraries = site / "torch" / "lib"
    symbols = missing(libraries, real=sorted(site.glob(REAL)))
    needed = needed_of_nvidia(libraries)
    for name in REPLACED:
        (libraries / name).unlink(missing_ok=True)
    compile_stub(symbols, scratch=scratch, library=libraries / STUB)
    for name in needed - {path.name for path in site.glob(REAL)}:
        (libraries / name).symlink_to(STUB)


def missing(libraries: Path, *, real: Iterable[Path]) -> list[Symbol]:
    """What the kept libraries ask for and only the replaced ones, or NVIDIA's, would give."""
    kept = [libraries / name for name in KEPT]
    given = {symbol.name for path in (*kept, *real) for symbol in defined(path)}
    replaced = {
        symbol.name: symbol
        for name in REPLACED
        if (libraries / name).exists()
        for symbol in defined(libraries / name)
    }
    asked = {symbol.name: symbol for path in kept for symbol in undefined(path)}
    return [
        Symbol(
            name=name,
            version=asked[name].version,
            type=replaced[name].type if name in replaced else "T",
            size=replaced[name].size if name in replaced else 0,
        )
        for name in sorted(asked.keys() - given)
        if name in replaced or OF_NVIDIA.match(name)
    ]


def undefined(library: Path) -> Iterator[Symbol]:
    for line in run("nm", "--dynamic", "--undefined-only", library).splitlines():
        kind, name = line.split()[-2:]
        name, _, version = name.partition("@")
        if kind == "U" and not OF_THE_SYSTEM.match(version):
            yield Symbol(name=name, version=version)


def defined(library: Path) -> Iterator[Symbol]:
    """Lines are `address [size] type name`."""
    for line in run("nm", "--dynamic", "--defined-only", "--print-size", library).splitlines():
        _, *size, kind, name = line.split()
        bytes_of = int(size[0], 16) if size else 0
        yield Symbol(name=name.partition("@")[0], type=kind, size=bytes_of)


def needed_of_nvidia(libraries: Path) -> set[str]:
    listed = [run("readelf", "--dynamic", "--wide", libraries / name) for name in KEPT]
    return {name for text in listed for name in NEEDED_OF_NVIDIA.findall(text)}


def compile_stub(symbols: list[Symbol], *, scratch: Path, library: Path) -> None:
    source, versions = scratch / "stub.c", scratch / "stub.map"
    source.write_text(PREAMBLE + "".join(definition(symbol) for symbol in symbols))
    versions.write_text("".join(version_nodes(symbols)))
    script = [f"-Wl,--version-script={versions}"] if versions.stat().st_size else []
    flags = ("-shared", "-fPIC", "-O1", "-w", "-nostdlib", f"-Wl,-soname,{STUB}")
    run("gcc", *flags, *script, "-o", library, source)


def definition(symbol: Symbol) -> str:
    """C will do: a mangled name of C++ is a plain one in C."""
    name = symbol.name
    if name.startswith(TYPEINFO):
        return (
            f"struct typeinfo {name} = "
            f'{{ &_ZTVN10__cxxabiv117__class_type_infoE[2], "{symbol.mangled_type}" }};\n'
        )
    if symbol.type not in FUNCTION_TYPES:
        return f"char {name}[{max(symbol.size, 16)}] __attribute__((aligned(16)));\n"
    if CONSTRUCTOR.search(name):
        return f"void {name}(const void **self) {{ *self = &no_vtable[2]; }}\n"
    return f"void *{name}(void) {{ return zeros; }}\n"


def version_nodes(symbols: Iterable[Symbol]) -> Iterator[str]:
    by_version: dict[str, list[str]] = {}
    for symbol in symbols:
        if symbol.version:
            by_version.setdefault(symbol.version, []).append(symbol.name)
    for version, names in sorted(by_version.items()):
        yield f"{version} {{ global: {'; '.join(names)}; }};\n"
