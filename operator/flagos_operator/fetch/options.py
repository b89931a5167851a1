"""The words of the command line and of the environment, made into a request."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from flagos_operator.api import addresses
from flagos_operator.fetch import sources
from flagos_operator.fetch.reasons import FetchError, Reason
from flagos_operator.fetch.request import DEFAULT_REVISION, Request, Source, Verify
from flagos_operator.fetch.sources import TOKEN

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from flagos_operator.api.addresses import Network

ENDPOINT = "FLAGOS_FETCH_ENDPOINT"
VERIFY = "FLAGOS_FETCH_VERIFY"
ALLOWED = "FLAGOS_FETCH_ALLOWED_ADDRESSES"

EPILOG = f"""\
mirrors:
  --mirror HUB[:OWNER/NAME][@REVISION][=URL], HUB being modelscope or huggingface. What is left
  out is as on the main hub; without URL it is the public hub. They are asked in their order when
  the one before cannot serve. Examples:
    --mirror modelscope
    --mirror huggingface:acme/copy@v1.0=https://hub.example.com --mirror-token-file ./token

environment:
  {TOKEN}      the hub's token (there is no option for it: others can read those)
  {TOKEN}_1    that of the first --mirror, and so on
  {TOKEN}_FROM the variable that has the main hub's token, if it is another one
  {ENDPOINT}   as --endpoint
  {VERIFY}     as --verify
  {sources.MIRRORS}    mirrors as a list in JSON: source, repo, revision, endpoint, and in
                          tokenFrom the name of a variable {TOKEN}_*
  {ALLOWED}
                          link-local or metadata addresses that may be contacted all the same,
                          with commas
  FLAGOS_FETCH_CA_BUNDLE  a PEM file of the authorities to trust, of all hubs
  HTTP_PROXY, HTTPS_PROXY, NO_PROXY as usual

exit codes:
  0 complete, or a dry run that could list   1 InternalError   2 wrong usage
  10 SourceNotFound   11 Unauthorized   12 RevisionNotFound   13 SourceUnreachable
  14 RateLimited   15 InsufficientStorage   16 ChecksumMismatch   17 VolumeNotWritable
  18 LockHeld   19 DirectoryConflict   20 InvalidSource   21 RecordMissing (only of verify)
  130 and 143 ended by SIGINT or SIGTERM; the next run continues where this one was
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = formatter()
    parser.epilog = EPILOG
    add = parser.add_argument
    add("--source", choices=get_args(Source), required=True, help="which hub")
    add("--repo", required=True, metavar="OWNER/NAME")
    add("--revision", help="branch, tag or commit (default: the hub's main branch)")
    add("--destination", type=Path, required=True, metavar="DIR", help="where the files will lie")
    _add_choice_of_files(parser)
    add(
        "--endpoint", metavar="URL", help="another hub than the public one, which is then left out"
    )
    add("--token-file", type=Path, metavar="FILE", help="read the token from here")
    sources.add_arguments(parser)
    add(
        "--verify",
        choices=get_args(Verify),
        help="hash what is there: if size or time changed (OnChange, the default), or Always",
    )
    add("--dry-run", action="store_true", help="say what would be fetched, and fetch nothing")
    add("--json", action="store_true", help="print the result as one line of JSON on stdout")
    _add_limits(parser)


def _add_choice_of_files(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--include", action="append", default=[], metavar="GLOB", help="only these; repeatable")
    add("--exclude", action="append", default=[], metavar="GLOB", help="not these; repeatable")


def _add_limits(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("limits").add_argument
    add("--volume", type=Path, metavar="DIR", help="root of the volume (default: its mount point)")
    add("--workers", type=count, default=8, metavar="N", help="streams at a time (8)")
    add("--piece", type=count, default=64 << 20, metavar="BYTES", help="of one request (64 MiB)")
    add("--alone", type=amount, default=5.0, metavar="S", help="share files that take longer (5)")
    add("--slowest", type=amount, default=1024.0, metavar="B/S", help="else asked anew (1024)")
    add("--slowest-over", type=amount, default=60.0, metavar="S", help="measured over (60)")
    add("--attempts", type=count, default=8, metavar="N", help="without a new byte in between (8)")
    add("--retry-wait", type=amount, default=1.0, metavar="S", help="before the first retry (1)")
    add("--lock-wait", type=amount, default=6 * 3600.0, metavar="S", help="for our turn (6 h)")
    add("--lock-stale", type=amount, default=60.0, metavar="S", help="silence of the dead (60)")
    add("--progress-every", type=amount, default=2.0, metavar="S", help="between two lines (2)")


def count(word: str) -> int:
    if not (word.isdecimal() and int(word) > 0):
        raise argparse.ArgumentTypeError(f"{word}: write a number from 1 on")
    return int(word)


def amount(word: str) -> float:
    try:
        found = float(word)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise argparse.ArgumentTypeError(f"{word}: write a number from 0 on")
    return found


def request_from(options: argparse.Namespace, *, environ: MutableMapping[str, str]) -> Request:
    """Takes the token out of the environment, so that nothing started later inherits it."""
    tokens = sources.taken(environ)
    source: Source = options.source
    endpoint = options.endpoint or environ.get(ENDPOINT) or None
    return Request(
        source=source,
        repo=options.repo,
        revision=options.revision or DEFAULT_REVISION[source],
        destination=options.destination.absolute(),
        include=tuple(options.include),
        exclude=tuple(options.exclude),
        endpoint=endpoint.rstrip("/") if endpoint else None,
        verify=verify(options.verify or environ.get(VERIFY) or "OnChange"),
        token=sources.token(options.token_file, from_environment=sources.main(tokens)),
        mirrors=sources.mirrors(options.mirrors, environ=environ, tokens=tokens),
        allowed=_allowed(environ.get(ALLOWED, "")),
    )


def _allowed(text: str) -> tuple[Network, ...]:
    try:
        return addresses.networks(word.strip() for word in text.split(",") if word.strip())
    except ValueError as error:
        raise FetchError(Reason.INVALID_SOURCE, f"{ALLOWED}: {error}") from error


def verify(word: str) -> Verify:
    for known in get_args(Verify):
        if known == word:
            return known  # type: ignore[no-any-return]
    raise FetchError(Reason.INVALID_SOURCE, f"{VERIFY} is {word!r}: write OnChange or Always")


def formatter() -> type[argparse.HelpFormatter]:
    from argparse import RawDescriptionHelpFormatter  # noqa: PLC0415 - argparse is typing-only here

    return RawDescriptionHelpFormatter
