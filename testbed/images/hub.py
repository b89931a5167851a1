"""The image of our own hub with the tiny models in it: weights come as from a real one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from testbed import hub
from testbed.images import bytecode, oci, rootfs, tiny_model, wheels

if TYPE_CHECKING:
    from testbed.images.store import Input, Store

NAME = "localhost/flagos-hub:dev"
CODE = Path(hub.__file__).parent
ROOT = "hub"
SERVING = "flagos/tiny-random-llama"
CRASHING = "flagos/tiny-crashing-llama"


def build(store: Store) -> Path:
    base = rootfs.layer(store)
    models = {SERVING: tiny_model.build(store), CRASHING: tiny_model.build_crashing(store)}

    def make(scratch: Path) -> oci.Image:
        entries = [oci.Tree(f"{ROOT}/{name}", model) for name, model in models.items()]
        layer = oci.write_layer(scratch / "layer.tar", [*code_entries(scratch), *entries])
        return oci.Image(
            name=NAME,
            layers=(base, layer),
            entrypoint=("python3", "-m", "testbed.hub", f"/{ROOT}", "--host", "0.0.0.0"),  # noqa: S104
            env={"PYTHONUNBUFFERED": "1"},
            user="65532:65532",
        )

    inputs: list[Input] = [base.digest, CODE, *models, *(model.name for model in models.values())]
    return store.image(NAME, inputs=[*inputs, Path(__file__)], make=make)


def code_entries(scratch: Path) -> list[oci.Entry]:
    site = scratch / "site"
    package = site / "testbed"
    shutil.copytree(CODE, package / CODE.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CODE.parent / "__init__.py", package)
    wheels.finish(site, jobs=1)
    return [oci.Tree(bytecode.INSTALLED.lstrip("/"), site)]
