"""What a download tells of its files for an estimate of memory."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from flagos_operator.catalog.memory.shape import shape_of
from flagos_operator.fetch.held import held
from flagos_operator.fetch.marker import Marker, StoredFile
from flagos_operator.fetch.report import MAX_BYTES
from tests.unit.catalog.configs import MODELS

if TYPE_CHECKING:
    from pathlib import Path

ROOM = MAX_BYTES // 4  # the rest of a report is names of files, at most


def of_files(**files: int) -> Marker:
    return Marker(
        source="modelscope",
        repo="a/b",
        revision="master",
        commit=None,
        endpoint="",
        include=(),
        exclude=(),
        files=tuple(
            StoredFile(path=name.replace("_", "."), size=size, sha256="", mtime=0)
            for name, size in files.items()
        ),
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_published_config_is_told_in_a_short_line(tmp_path: Path, name: str) -> None:
    config = MODELS[name]["config"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    told = held(of_files(model_safetensors=7, config_json=1), place=tmp_path)
    assert told == {"loadedBytes": 7, "shape": asdict(shape_of(config))}
    assert len(json.dumps(told)) < ROOM


def test_of_weights_that_are_there_twice_one_set_is_loaded(tmp_path: Path) -> None:
    told = held(of_files(model_safetensors=7, pytorch_bin=7), place=tmp_path)
    assert told == {"loadedBytes": 7}


ODD: dict[str, Any] = {
    "half": '{"num_hidden_layers": 4',
    "a list": "[1, 2]",
    "no text": b"\xff\xfe",
    "deep": '{"a":' * 50_000,
    "nested": '{"text_config":' * 2000 + "{}" + "}" * 2000,
    "odd": '{"num_hidden_layers": 4, "linear_attn_config": {"kda_layers": [{}]}}',
    "endless": '{"num_hidden_layers": 900719925474099}',
}


@pytest.mark.parametrize("words", ODD.values(), ids=ODD)
def test_a_config_that_says_nothing_of_use_harms_no_download(
    tmp_path: Path, words: str | bytes
) -> None:
    whole = words if isinstance(words, bytes) else words.encode()
    (tmp_path / "config.json").write_bytes(whole)
    told = held(of_files(model_gguf=7), place=tmp_path)
    assert "loadedBytes" not in told
    assert told.get("shape", {}).get("cache") is None
