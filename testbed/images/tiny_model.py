"""A Llama with random weights, 370 kB: a real server loads it in no time and answers noise.

The size of its heads matters. 80 works on every processor. With a multiple of 32, a first request
that is short kills the engine on processors with AMX, and vLLM's CPU attention has nothing for 16:
such a model gets ready and dies with its first request, which is just the thing for a test.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from testbed.images import bytecode, rootfs, sandbox
from testbed.vllm import packages

if TYPE_CHECKING:
    from testbed.images.store import Input, Store

RECIPE = Path(__file__).with_name("tiny_llama.py")
SERVING = 80
CRASHING = 16


def build(store: Store) -> Path:
    return make_model(store, name="tiny-model", head_dim=SERVING)


def build_crashing(store: Store) -> Path:
    """Becomes ready and takes the engine down at its first request."""
    return make_model(store, name="crashing-model", head_dim=CRASHING)


def make_model(store: Store, *, name: str, head_dim: int) -> Path:
    base, site = rootfs.base(store), packages.build(store)

    def make(model: Path) -> None:
        model.chmod(0o777)
        mounts = {bytecode.INSTALLED: site, "/mnt": model}
        command = ("python3", "-c", RECIPE.read_text(), "/mnt", str(head_dim))
        sandbox.run_within(base, *command, mounts=mounts, env={"HOME": "/tmp"})  # noqa: S108
        # transformers keeps the weights to their owner, and a pod is someone else
        for path in (model, *model.iterdir()):
            path.chmod(0o755 if path.is_dir() else 0o644)

    inputs: list[Input] = [site.name, RECIPE, str(head_dim)]
    return store.directory(name, inputs=inputs, make=make, usually="10 s")
