"""Hubs take turns: the first that can serve does, and all are held to one content."""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from testbed.hub.faults import Rule
from testbed.hub.server import running
from tests.fetch.lab import CHUNK, REPO, SIZE, WEIGHTS, contents, make_repo, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testbed.hub.server import Server
    from tests.fetch.lab import Lab, Result

OTHER = {"modelscope": "huggingface", "huggingface": "modelscope"}
NOBODY = "http://127.0.0.1:9"
Another = "Callable[..., Server]"


@pytest.fixture
def another(lab: Lab, tmp_path: Path) -> Iterator[Another]:
    """Further hubs, with the content of the first unless they get another."""
    with contextlib.ExitStack() as hubs:

        def start(content: Path = lab.repos, *, token: str | None = None) -> Server:
            server = hubs.enter_context(running(content))
            server.hub = replace(server.hub, token=token)
            return server

        yield start


def asked(hub: Server) -> list[dict[str, object]]:
    requests: list[dict[str, object]] = hub.hub.traffic.report()["requests"]
    return requests


def bytes_of(hub: Server, name: str = WEIGHTS) -> int:
    files = hub.hub.traffic.report()["files"]
    return int(files.get(f"{REPO}/{name}", {"bytes": 0})["bytes"])


def assert_whole(lab: Lab, result: Result) -> None:
    assert (result.code, result.reason) == (0, "Complete"), result.log
    assert contents(lab.place) == contents(lab.repos / REPO)


def mirror(lab: Lab, hub: Server, *, source: str = "", repo: str = "") -> tuple[str, str]:
    name = f":{repo}" if repo else ""
    return "--mirror", f"{source or lab.source}{name}={hub.url}"


@pytest.mark.parametrize("kind", ["the same kind", "the other kind"])
def test_a_dead_hub_is_replaced_within_two_attempts(lab: Lab, another: Another, kind: str):
    source = lab.source if kind == "the same kind" else OTHER[lab.source]
    words = mirror(lab, another(), source=source)
    result = lab.fetch("--endpoint", NOBODY, "--attempts", "8", *words)
    assert_whole(lab, result)
    assert result.log.count("trying again") == 1
    assert "127.0.0.1:9 cannot serve: SourceUnreachable" in result.log


def test_the_record_tells_who_has_served_and_fits_what_was_asked(lab: Lab, another: Another):
    hub = another()
    words = mirror(lab, hub, source=OTHER[lab.source])
    result = lab.fetch("--endpoint", NOBODY, *words)
    record = json.loads((lab.place / ".flagos.json").read_text())
    assert (record["source"], record["repo"]) == (lab.source, REPO)
    assert record["mirror"]["source"] == OTHER[lab.source]
    assert record["mirror"]["endpoint"] == result.said["mirror"]["endpoint"] == hub.url
    hub.hub.traffic.forget()
    for again in (lab.fetch("--endpoint", NOBODY, *words), lab.fetch()):
        assert again.said["how"] == "present", again.log
    assert asked(hub) + asked(lab.hub) == []


def test_no_mirror_is_asked_while_the_hub_serves(lab: Lab, another: Another):
    hub = another()
    result = lab.fetch(*mirror(lab, hub))
    assert_whole(lab, result)
    assert asked(hub) == []
    assert "mirror" not in result.said
    assert "mirror" not in json.loads((lab.place / ".flagos.json").read_text())


def test_a_repo_may_have_another_name_elsewhere(lab: Lab, another: Another, tmp_path):
    shutil.copytree(lab.repos / REPO, tmp_path / "elsewhere" / "copies" / "of-it")
    hub = another(tmp_path / "elsewhere")
    words = mirror(lab, hub, source=OTHER[lab.source], repo="copies/of-it")
    assert_whole(lab, lab.fetch("--endpoint", NOBODY, *words))


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (Rule(kind="status", route="any", status=503), "SourceUnreachable"),
        (Rule(kind="status", route="any", status=429, retry_after="30"), "RateLimited"),
        (Rule(kind="status", route="list", status=403), "Unauthorized"),
        (Rule(kind="status", route="file", status=404, path=WEIGHTS), "SourceNotFound"),
        (Rule(kind="corrupt", path=WEIGHTS), "ChecksumMismatch"),
    ],
)
def test_what_another_hub_can_cure_is_taken_there(
    lab: Lab, another: Another, rule: Rule, reason: str
):
    lab.break_with(rule)
    result = lab.fetch(*mirror(lab, another()))
    assert_whole(lab, result)
    assert f"cannot serve: {reason}" in result.log


def test_a_repo_or_revision_that_only_a_mirror_has(lab: Lab, another: Another, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(lab.repos, elsewhere)
    make_repo(elsewhere, repo=f"{REPO}@v1", salt="v1")
    make_repo(elsewhere, repo="acme/only", salt="only")
    words = mirror(lab, another(elsewhere))
    result = lab.fetch("--revision", "v1", *words)
    assert "cannot serve: RevisionNotFound" in result.log
    assert contents(lab.place) == contents(elsewhere / f"{REPO}@v1")
    place = lab.volume / "only"
    result = lab.fetch("--destination", str(place), *words, repo="acme/only")
    assert "cannot serve: SourceNotFound" in result.log
    assert contents(place) == contents(elsewhere / "acme/only")


def test_they_are_asked_in_their_order(lab: Lab, another: Another):
    first, second, third = another(), another(), another()
    first.hub.faults.replace([Rule(kind="status", route="any", status=503)])
    words = [word for hub in (first, second, third) for word in mirror(lab, hub)]
    assert_whole(lab, lab.fetch("--endpoint", NOBODY, *words))
    assert asked(first)
    assert bytes_of(second) == SIZE
    assert asked(third) == []


def test_what_one_hub_brought_is_not_fetched_again_from_the_next(lab: Lab, another: Another):
    """Also inside of a file: the parts wait in one place, whoever fills them."""
    hub = another()
    half = SIZE // 2
    lab.break_with(*(Rule(kind=kind, path=WEIGHTS, at=half) for kind in ("stall", "cut")))
    process = lab.start("--workers", "1", *mirror(lab, hub, source=OTHER[lab.source]))
    until(lambda: lab.sent() >= half)
    lab.break_with(Rule(kind="status", route="any", status=404))
    assert_whole(lab, lab.finish(process))
    assert lab.sent() + bytes_of(hub) <= SIZE + CHUNK


def test_a_mirror_with_other_content_is_not_mixed_in(lab: Lab, another: Another, tmp_path):
    """What the main hub lists is what is asked for, though it cannot bring it."""
    make_repo(tmp_path / "older", salt="older")
    older = another(tmp_path / "older")
    lab.break_with(Rule(kind="status", path=WEIGHTS, status=404))
    result = lab.fetch(*mirror(lab, older), *mirror(lab, another()))
    assert_whole(lab, result)
    assert "cannot serve: ChecksumMismatch" in result.log
    assert bytes_of(older) == 0, "not a byte of a file that cannot fit"


def test_a_mirror_that_tells_another_kind_of_checksum_is_judged_by_its_bytes(
    lab: Lab, another: Another, tmp_path
):
    """Of small files one hub tells git's digest and the other sha256."""
    shutil.copytree(lab.repos, tmp_path / "older")
    config = tmp_path / "older" / REPO / "config.json"
    config.write_bytes(b"x" * (lab.repos / REPO / "config.json").stat().st_size)
    older = another(tmp_path / "older")
    lab.break_with(Rule(kind="status", path="config.json", status=404))
    result = lab.fetch(*mirror(lab, older, source=OTHER[lab.source]))
    assert result.reason == "SourceNotFound"
    assert "ChecksumMismatch" in result.message
    assert not lab.place.exists()


def test_without_the_main_hub_the_first_mirror_that_lists_says_what_there_is(
    lab: Lab, another: Another, tmp_path
):
    make_repo(tmp_path / "other", salt="other")
    hub = another(tmp_path / "other")
    result = lab.fetch("--endpoint", NOBODY, *mirror(lab, hub), *mirror(lab, another()))
    assert result.code == 0
    assert contents(lab.place) == contents(tmp_path / "other" / REPO)


def test_if_none_can_serve_each_is_named_and_the_reason_is_the_main_hubs(
    lab: Lab, another: Another
):
    empty = another(lab.volume.parent / "nothing")
    lab.require_token("right")
    words = (*mirror(lab, empty), "--mirror", f"{lab.source}={NOBODY}")
    result = lab.fetch(*words, "--retry-wait", "0.01")
    assert (result.reason, result.code) == ("Unauthorized", 11), result.log
    assert "none of 3 hubs can serve" in result.message
    for hub, reason in (
        (lab.hub.url, "Unauthorized"),
        (empty.url, "SourceNotFound"),
        (NOBODY, "SourceUnreachable"),
    ):
        assert f"{hub.partition('//')[2]}: {reason}" in result.message
    assert len(result.message) <= 1000
    assert "source.mirrors" not in result.message.partition(";")[0]


def test_a_hub_that_comes_back_is_asked_again(lab: Lab, another: Another):
    """All are down for a moment: they take turns instead of one being waited for."""
    hub = another()
    hub.hub.faults.replace([Rule(kind="status", route="any", status=503, times=2)])
    assert_whole(lab, lab.fetch("--endpoint", NOBODY, *mirror(lab, hub)))


def test_a_full_volume_is_no_matter_of_hubs(lab: Lab, another: Another):
    hub = another()
    lab.place.mkdir(parents=True)
    (lab.place / "mine").write_text("mine")
    result = lab.fetch(*mirror(lab, hub))
    assert result.reason == "DirectoryConflict"
    assert asked(hub) == []


def test_a_hostile_list_ends_it(lab: Lab, another: Another):
    hub = another()
    entries = ({"path": "../evil", "size": 4},)
    lab.break_with(Rule(kind="list", route="list", entries=entries))
    assert lab.fetch(*mirror(lab, hub)).reason == "InvalidSource"
    assert asked(hub) == []


def test_rot_is_repaired_by_a_mirror_that_has_the_same_bytes(lab: Lab, another: Another, tmp_path):
    hub = another()
    lab.fetch()
    shutil.copytree(lab.repos, tmp_path / "kept")
    kept = another(tmp_path / "kept")
    (lab.repos / REPO / WEIGHTS).write_bytes(b"newer")
    (lab.place / WEIGHTS).write_bytes(b"rot")
    result = lab.fetch(*mirror(lab, hub), *mirror(lab, kept, source=OTHER[lab.source]))
    assert (result.code, result.said["how"]) == (0, "repaired"), result.log
    assert contents(lab.place) == contents(tmp_path / "kept" / REPO)


def test_a_dry_run_asks_the_hub_that_would_serve(lab: Lab, another: Another):
    hub = another()
    result = lab.fetch("--endpoint", NOBODY, "--dry-run", *mirror(lab, hub))
    assert (result.code, result.said["endpoint"]) == (0, hub.url), result.log
    assert list(lab.volume.iterdir()) == []


TOKENS = {"main": "t0ken-of-main", "first": "t0ken-of-first", "second": "t0ken-of-second"}


def credentials(hub: Server) -> set[str]:
    """What the test hub has been shown, in whatever header."""
    return hub.hub.traffic.shown


def test_each_token_goes_to_its_own_hub_also_on_a_redirect(lab: Lab, another: Another, tmp_path):
    lab.require_token(TOKENS["main"])
    first, second = another(token=TOKENS["first"]), another(token=TOKENS["second"])
    store = another()
    # The main hub leads to the first mirror, and that to a store: neither gets another's token.
    lab.break_with(Rule(kind="redirect", to=first.url))
    first.hub.faults.replace([Rule(kind="status", path=WEIGHTS, status=404)])
    second.hub.faults.replace([Rule(kind="redirect", to=store.url)])
    file = tmp_path / "token"
    file.write_text(TOKENS["second"] + "\n")
    words = (
        *mirror(lab, first),
        *mirror(lab, second, source=OTHER[lab.source]),
        *("--mirror-token-file", str(file)),
    )
    result = lab.fetch(
        *words, FLAGOS_FETCH_TOKEN=TOKENS["main"], FLAGOS_FETCH_TOKEN_1=TOKENS["first"]
    )
    assert_whole(lab, result)
    for hub, own in ((lab.hub, "main"), (first, "first"), (second, "second")):
        assert credentials(hub) <= {TOKENS[own]}, own
    assert credentials(second) == {TOKENS["second"]}
    assert asked(store)
    assert credentials(store) == set()
    for token in TOKENS.values():
        assert token not in result.log + str(result.said)


def test_the_operators_list_names_the_variable_of_each_token(lab: Lab, another: Another):
    hub = another(token=TOKENS["first"])
    row = {"source": lab.source, "endpoint": hub.url, "tokenFrom": "FLAGOS_FETCH_TOKEN_ABCD"}
    environ = {"FLAGOS_FETCH_MIRRORS": json.dumps([row])}
    lacking = lab.fetch("--endpoint", NOBODY, **environ)
    assert "Unauthorized" in lacking.message, "a pod from before the edit has no such token"
    full = lab.fetch("--endpoint", NOBODY, **environ, FLAGOS_FETCH_TOKEN_ABCD=TOKENS["first"])
    assert_whole(lab, full)


BAD_TOKEN = {"FLAGOS_FETCH_TOKEN_1": "two words"}


def test_a_mirrors_bad_token_is_in_nobodys_way(lab: Lab, another: Another):
    hub = another()
    assert_whole(lab, lab.fetch(*mirror(lab, hub), **BAD_TOKEN))
    place = ("--destination", str(lab.volume / "x"), "--endpoint", NOBODY)
    result = lab.fetch(*place, *mirror(lab, hub), **BAD_TOKEN)
    assert "Unauthorized (the token holds blanks" in result.message
    assert f"check spec.source.mirrors[0].{lab.source}.tokenSecretRef" in result.message
    assert asked(hub) == []


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--mirror", "gitlab:a/b"), "HUB being modelscope or huggingface"),
        (("--mirror", "modelscope:a"), "<owner>/<name>"),
        (("--mirror", "modelscope=ftp://hub"), "http(s)://"),
        (("--mirror", "modelscope=http://169.254.1.1"), "link-local"),
        (("--mirror-token-file", "x"), "behind the --mirror"),
        (("--mirror", "modelscope") * 9, "at most 8"),
    ],
)
def test_a_mirror_that_makes_no_sense(one_lab: Lab, words, hint):
    result = one_lab.fetch(*words)
    assert (result.reason, result.code) == ("InvalidSource", 20)
    assert hint in result.message


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "{}",
        "[1]",
        '[{"source": "gitlab"}]',
        '[{"source": "modelscope", "x": "y"}]',
        '[{"source": "modelscope", "tokenFrom": "HOME"}]',
    ],
)
def test_a_list_that_is_none_is_named(one_lab: Lab, text):
    result = one_lab.fetch(FLAGOS_FETCH_MIRRORS=text)
    assert result.reason == "InvalidSource"
    assert "FLAGOS_FETCH_MIRRORS" in result.message
