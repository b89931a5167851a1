"""Lines that fetch weights: modelscope, hf and huggingface-cli, git clone of a hub."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flagos_operator.fromdocker.card import Download

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flagos_operator.fromdocker.shell import Arg

PROGRAMS = {
    "modelscope": "modelscope",
    "ms": "modelscope",
    "huggingface-cli": "huggingface",
    "hf": "huggingface",
}
# How each hub's command calls a value; the rest of its flags are about the download itself.
VALUES = {
    "--model": "repo",
    "--repo-id": "repo",
    "--local_dir": "directory",
    "--local-dir": "directory",
    "--revision": "revision",
    "--cache_dir": "",
    "--cache-dir": "",
    "--token": "",
    "--max-workers": "",
    "--endpoint": "",
    "--repo-type": "kind",
    "--local-dir-use-symlinks": "",
}
MANY = {"--include": "include", "--exclude": "exclude"}
OTHERS = {"--dataset", "--space"}
HUB = re.compile(
    r"(?:https?://|git@)(?:www\.)?(modelscope\.\w+|huggingface\.co|hf[\w.-]*)[/:]"
    r"(?:models/)?([\w.-]+/[\w.-]+?)(?:\.git)?/?$"
)


def download(program: str, words: Sequence[Arg], *, line: int, inside: bool) -> Download | None:
    """The words after the program's name; None where no repository of a model is fetched."""
    if not words or words[0].text != "download":
        return None
    one, many, free = sorted_out(words[1:])
    if one.get("kind") and one["kind"].text != "model":
        return None
    repo = one.get("repo") or (free.pop(0) if free else None)
    if repo is None or "dataset" in one:
        return None
    return Download(
        line=line,
        hub=PROGRAMS[program],
        repo=repo.text,
        directory=one.get("directory"),
        revision=one["revision"].text if "revision" in one else "",
        include=(*(arg.text for arg in free), *many["include"]),
        exclude=tuple(many["exclude"]),
        inside=inside,
    )


def sorted_out(words: Sequence[Arg]) -> tuple[dict[str, Arg], dict[str, list[str]], list[Arg]]:
    one: dict[str, Arg] = {}
    many: dict[str, list[str]] = {"include": [], "exclude": []}
    free: list[Arg] = []
    at, listing = 0, ""
    while at < len(words):
        name, equals, value = words[at].text.partition("=")
        if not name.startswith("-"):
            if listing:
                many[listing].append(words[at].text)
            else:
                free.append(words[at])
        else:
            listing = MANY.get(name, "")
            if listing and equals:
                many[listing].append(value)
            elif name in VALUES or name in OTHERS:
                following = next(iter(words[at + 1 :]), None)
                argument = words[at].with_text(value) if equals else following
                at += 0 if equals else 1
                key = "dataset" if name in OTHERS else VALUES[name]
                if key and argument is not None:
                    one[key] = argument
        at += 1
    return one, many, free


def cloned(words: Sequence[Arg], *, line: int, inside: bool) -> Download | None:
    """`git clone` and `git lfs clone` of a repository on a hub."""
    texts = [word for word in words if not word.text.startswith("-")]
    if "clone" not in {word.text for word in texts[:2]}:
        return None
    for place, word in enumerate(texts):
        found = HUB.match(word.text)
        if found:
            hub = "modelscope" if found.group(1).startswith("modelscope") else "huggingface"
            own = word.with_text(found.group(2).rpartition("/")[2])
            directory = texts[place + 1] if len(texts) > place + 1 else own
            return Download(
                line=line, hub=hub, repo=found.group(2), directory=directory, inside=inside
            )
    return None
