"""Each published row as a card, against the same row written by hand as a FlagOSModel."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from flagos_operator.api.spec import parse
from tests.unit.fromdocker.cards import CARDS, converted

ROWS = sorted((CARDS / "rows").glob("*.txt"))
WRITTEN = {
    model["metadata"]["name"]: model["spec"]
    for model in yaml.safe_load_all((CARDS.parent / "flagrelease.yaml").read_text())
}
# Said in the row by hand, and in no line of its card; or in both, in other words.
BY_HAND = {"preStart", "resources", "securityContext", "volumeMounts", "env", "command", "port"}
# What several nodes and scripts come to.
REFUSED = {
    "ascend-minicpm-o-4.5-transformers": 2,
    "hygon-hy4-preview-int8": 2,
    "nvidia-minicpm-o-4.5-transformers": 2,
    "tsingmicro-glm5.3-flash": 2,
}


def options(name: str) -> list[str]:
    text = (CARDS / "rows" / f"{name}.txt").read_text()
    return ["--devices", "1"] if "flagscale serve" in text else []


@pytest.mark.parametrize("name", [row.stem for row in ROWS])
def test_a_published_row_comes_to_what_was_written_by_hand(name: str) -> None:
    found = converted(CARDS / "rows" / f"{name}.txt", *options(name))
    assert found.code == REFUSED.get(name, 0), found.err
    hand = WRITTEN.get(name.replace(".", "-"))
    if found.code or hand is None:
        return
    assert compared(found.spec) == compared(hand)


def compared(spec: dict[str, Any]) -> dict[str, Any]:
    server = {key: value for key, value in spec.get("server", {}).items() if key not in BY_HAND}
    flagos = {"mode": "FlagOS", **spec.get("flagos", {})}
    if server.get("tensorParallelSize", 1) == spec["devices"]:
        server.pop("tensorParallelSize", None)
    return {
        "chip": spec["chip"],
        "devices": spec["devices"],
        "image": spec["image"],
        "repo": spec["source"]["modelscope"]["repo"],
        "flagos": flagos,
        "server": {**server, "args": [path_free(arg) for arg in server.get("args", ())]},
    }


def path_free(arg: str) -> str:
    """By hand the template of a chat comes from a ConfigMap, in a card from the host."""
    return arg.rpartition("/")[2] if arg.endswith(".jinja") else arg


def test_a_row_of_each_vendor_is_there() -> None:
    assert len(ROWS) > 40
    assert {row.stem.partition("-")[0] for row in ROWS} >= {
        *("nvidia", "ascend", "metax", "mthreads", "iluvatar", "hygon", "zhenwu", "kunlunxin"),
        *("enflame", "sunrise", "tsingmicro"),
    }
    assert parse({"metadata": {"name": "x"}, "spec": next(iter(WRITTEN.values()))})
