"""The FlagOSModels in files, in folders and on standard input, as a person hands them over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flagos_operator.printing import given, say

KIND = "FlagOSModel"
MERGE = "tag:yaml.org,2002:merge"
LAST = "of two that are applied the last one stays"


class UnreadableError(Exception):
    """Nothing that can be judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    origin: str
    body: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body.get("kind"))

    @property
    def metadata(self) -> Mapping[str, Any]:
        found = self.body.get("metadata")
        return found if isinstance(found, Mapping) else {}

    @property
    def name(self) -> str:
        return str(self.metadata.get("name") or "")

    @property
    def called(self) -> str:
        return f"{self.kind}/{self.name}" if self.name else f"a {self.kind} without a name"

    @property
    def title(self) -> str:
        return f"{self.origin}: {self.called}"


class TwiceError(yaml.MarkedYAMLError):
    """YAML allows a key once; Python's reader takes the last one and says nothing."""

    def __str__(self) -> str:
        first, again = self.context_mark, self.problem_mark
        assert first is not None  # noqa: S101 - see Loader
        assert again is not None  # noqa: S101 - likewise
        said = f"line {again.line + 1}: key {self.problem} is in line {first.line + 1} already"
        return f"{said}: remove one of them"


class Loader(yaml.SafeLoader):
    """Strict as the API server is of keys. What `<<` brings may be overridden: that is its use."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401 - as PyYAML has it
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: dict[tuple[str, str], yaml.Mark] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
                continue
            first = seen.setdefault((key.tag, key.value), key.start_mark)
            if first is not key.start_mark:
                raise TwiceError(
                    context_mark=first, problem=key.value, problem_mark=key.start_mark
                )
        return node


def found(files: Iterable[str]) -> list[Document]:
    models = [document for name in files for document in models_in(name)]
    if not models:
        raise UnreadableError(f"no {KIND} in {', '.join(files)}")
    return models


def repeated(models: Sequence[Document], *, namespace: str) -> list[str]:
    """Of each model what is to be said where one before it is the same object, else nothing."""
    first: dict[tuple[str, str], Document] = {}
    said = []
    for model in models:
        key = (str(model.metadata.get("namespace") or namespace), model.name)
        before = first.setdefault(key, model)
        again = before is not model and model.name
        said.append(f"the same model is in {before.origin}, too: {LAST}" if again else "")
    return said


def models_in(name: str) -> Iterator[Document]:
    for document in documents(name):
        if document.kind == KIND:
            yield document
        else:
            say(f"{document.title}: left out, not a {KIND}")


def documents(name: str) -> Iterator[Document]:
    for origin, text in texts(name):
        for place, body in enumerate(loaded(text, origin=origin), start=1):
            yield from flat(body, origin=f"{origin}[{place}]")


def texts(name: str) -> Iterator[tuple[str, str]]:
    path = Path(name)
    try:
        if name == "-":
            yield "stdin", given().decode("utf-8")
        elif path.is_dir():
            for file in sorted([*path.glob("*.yaml"), *path.glob("*.yml")]):
                yield str(file), file.read_text("utf-8")
        else:
            yield name, path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise UnreadableError(f"{name}: {wrong}") from wrong


def loaded(text: str, *, origin: str) -> list[object]:
    try:
        return list(yaml.load_all(text, Loader=Loader))
    except yaml.YAMLError as wrong:
        raise UnreadableError(f"{origin}: {wrong}") from wrong


def flat(body: object, *, origin: str) -> Iterator[Document]:
    """The items of a List, as kubectl prints it; nothing of an empty document."""
    if body is None:
        return
    if not isinstance(body, Mapping):
        raise UnreadableError(f"{origin}: expected an object, found {type(body).__name__}")
    if body.get("kind") != "List":
        yield Document(origin=origin, body=body)
        return
    for place, item in enumerate(body.get("items") or [], start=1):
        yield from flat(item, origin=f"{origin}[{place}]")
