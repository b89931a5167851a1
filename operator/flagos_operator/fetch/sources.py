"""The mirrors and tokens of a request, from the command line and the environment."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from flagos_operator.fetch.reasons import FetchError, Reason
from flagos_operator.fetch.request import Mirror, Source

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, MutableMapping, Sequence

TOKEN = "FLAGOS_FETCH_TOKEN"  # noqa: S105 - a name
TOKEN_FROM = "FLAGOS_FETCH_TOKEN_FROM"  # noqa: S105 - a name
MIRRORS = "FLAGOS_FETCH_MIRRORS"
MOST = 8
WORD = re.compile(
    r"(?P<source>[a-z]+)(:(?P<repo>[^@=]+))?(@(?P<revision>[^=]+))?(=(?P<endpoint>.+))?"
)
FIELDS = {"source", "repo", "revision", "endpoint", "tokenFrom"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Both write into one list, so that a token's file is that of the mirror before it."""
    add = parser.add_argument
    words = "a hub to try when those before cannot serve; repeatable, see below"
    add("--mirror", dest="mirrors", action="append", default=[], metavar="HUB...", help=words)
    add(
        "--mirror-token-file",
        dest="mirrors",
        action="append",
        type=Path,
        metavar="FILE",
        help="read the token of the --mirror before it from here",
    )


def taken(environ: MutableMapping[str, str]) -> dict[str, str]:
    """All tokens, out of the environment, so that nothing started later inherits one."""
    names = [name for name in environ if name == TOKEN or name.startswith(f"{TOKEN}_")]
    return {name: environ.pop(name) for name in names}


def main(tokens: Mapping[str, str]) -> str | None:
    """The token of the main hub; none where its endpoint is newer than all tokens here."""
    return tokens.get(tokens.get(TOKEN_FROM) or TOKEN)


def mirrors(
    said: Sequence[str | Path], *, environ: Mapping[str, str], tokens: Mapping[str, str]
) -> tuple[Mirror, ...]:
    found = _typed(said, tokens=tokens) if said else _written(environ.get(MIRRORS, ""), tokens)
    if len(found) > MOST:
        raise _invalid(f"{len(found)} mirrors: name at most {MOST}")
    return tuple(found)


def token(file: Path | None, *, from_environment: str | None) -> str | None:
    try:
        text = file.read_text(encoding="utf-8") if file else from_environment or ""
    except (OSError, UnicodeDecodeError) as error:
        raise FetchError(Reason.UNAUTHORIZED, f"cannot read the token file: {error}") from error
    token = text.strip()  # a Secret made from a file ends in a line break
    if not token.isascii() or not token.isprintable() or " " in token:
        raise FetchError(
            Reason.UNAUTHORIZED, "the token holds blanks or line breaks: is it the right key?"
        )
    return token or None


def _typed(said: Sequence[str | Path], *, tokens: Mapping[str, str]) -> list[Mirror]:
    """As a person types them: `huggingface:owner/name@revision=https://hub.example`."""
    rows: list[tuple[str, Path | None]] = []
    for word in said:
        if isinstance(word, str):
            rows.append((word, None))
        elif rows and rows[-1][1] is None:
            rows[-1] = (rows[-1][0], word)
        else:
            raise _invalid("--mirror-token-file: it belongs behind the --mirror that it is for")
    return [
        _mirror(_parts(word), file=file, variable=f"{TOKEN}_{place}", tokens=tokens)
        for place, (word, file) in enumerate(rows, start=1)
    ]


def _parts(word: str) -> dict[str, str]:
    match = WORD.fullmatch(word)
    if match is None or match["source"] not in get_args(Source):
        raise _invalid(
            f"--mirror {word}: write HUB[:OWNER/NAME][@REVISION][=URL], "
            f"HUB being {' or '.join(get_args(Source))}"
        )
    return {name: part for name, part in match.groupdict().items() if part}


def _written(text: str, tokens: Mapping[str, str]) -> list[Mirror]:
    """As the operator writes them: what a pod of an older template has no token for has none."""
    if not text.strip():
        return []
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise _invalid(f"{MIRRORS} is no JSON: {error}") from error
    if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
        raise _invalid(f"{MIRRORS}: write a list of objects with {', '.join(sorted(FIELDS))}")
    return [
        _mirror(row, file=None, variable=row.get("tokenFrom", ""), tokens=tokens) for row in rows
    ]


def _is_row(row: Any) -> bool:  # noqa: ANN401 - whatever JSON holds
    return (
        isinstance(row, dict)
        and row.keys() <= FIELDS
        and row.get("source") in get_args(Source)
        and all(isinstance(value, str) for value in row.values())
        # No other variable: whoever writes the list would have it sent to a hub of his own.
        and row.get("tokenFrom", f"{TOKEN}_").startswith(f"{TOKEN}_")
    )


def _mirror(
    parts: Mapping[str, Any], *, file: Path | None, variable: str, tokens: Mapping[str, str]
) -> Mirror:
    secret, fault = None, ""
    try:
        secret = token(file, from_environment=tokens.get(variable))
    except FetchError as error:
        # It is in nobody's way until this mirror is needed.
        fault = error.message
    endpoint = parts.get("endpoint")
    return Mirror(
        source=parts["source"],
        repo=parts.get("repo"),
        revision=parts.get("revision"),
        endpoint=endpoint.rstrip("/") if endpoint else None,
        token=secret,
        fault=fault,
    )


def _invalid(message: str) -> FetchError:
    return FetchError(Reason.INVALID_SOURCE, message)
