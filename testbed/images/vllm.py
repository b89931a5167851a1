"""A real vLLM in an image of 1.4 GB that needs no GPU, no compiler and no network.

What the pod does not have to say is the image's own environment: an operator renders the same
plain pod for it as for a vendor's image.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from testbed.images import bytecode, oci, rootfs, sandbox, tiny_model
from testbed.shell import run
from testbed.vllm import packages

if TYPE_CHECKING:
    from testbed.images.store import Input, Store

NAME = f"localhost/vllm-cpu:{packages.VERSION}"
CACHE = "/opt/vllm-cache"

ENV = {
    "HOME": "/tmp",  # noqa: S108 (the one place that a pod can write to)
    "HF_HUB_OFFLINE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "VLLM_CACHE_ROOT": CACHE,
    # A pod sees all cores and may not bind to any of them.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    # One process in place of three: 6 s less to start, 400 MB less memory.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
}
# vLLM spawns processes that import this file: without the guard they would serve as well.
# Most of a start is imports, and the collector, at its default pace, is a good tenth of them.
COMMAND = """\
#!/usr/bin/python3
import gc
import sys

gc.set_threshold(200_000)

from vllm.entrypoints.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
"""
TRY_OUT = """\
from vllm import LLM

model = LLM(
    model="/mnt",
    enforce_eager=True,
    max_model_len=512,
    kv_cache_memory_bytes=16 << 20,
)
model.chat([{"role": "user", "content": "hello"}])
"""


def build(store: Store) -> Path:
    base, site, cache = rootfs.layer(store), packages.build(store), model_infos(store)

    def make(scratch: Path) -> oci.Image:
        entries: list[oci.Entry] = [
            oci.Tree(bytecode.INSTALLED.lstrip("/"), site),
            oci.Tree(CACHE.lstrip("/"), cache),
            oci.Text("usr/local/bin/vllm", COMMAND, 0o755),
        ]
        layer = oci.write_layer(scratch / "layer.tar", entries)
        return oci.Image(
            name=NAME,
            layers=(base, layer),
            entrypoint=("vllm",),
            env=ENV,
            user=sandbox.NOBODY,
            labels={"org.opencontainers.image.version": packages.VERSION},
        )

    inputs: list[Input] = [base.digest, site.name, cache.name, Path(__file__)]
    return store.image(NAME, inputs=inputs, make=make, usually="15 s")


def model_infos(store: Store) -> Path:
    """What vLLM finds out about a model class, 5 s of each start; found by a real, first start."""
    base, site, model = rootfs.base(store), packages.build(store), tiny_model.build(store)

    def make(cache: Path) -> None:
        cache.chmod(0o777)
        mounts = {bytecode.INSTALLED: site, "/mnt": model, CACHE: cache}
        sandbox.run_within(base, "python3", "-c", TRY_OUT, mounts=mounts, env=ENV)
        cache.chmod(0o755)
        run("chmod", "-R", "a+rX", cache)

    inputs: list[Input] = [base.name, site.name, model.name, TRY_OUT, *sorted(ENV.values())]
    return store.directory("vllm-cache", inputs=inputs, make=make, usually="30 s")
