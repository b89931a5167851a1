"""Whose turn it is, and how a person or the operator says which mirrors there are."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flagos_operator.fetch import sources
from flagos_operator.fetch.mirrors import TURNS, Turns
from flagos_operator.fetch.patience import Patience, Persistence
from flagos_operator.fetch.reasons import FetchError, Reason
from flagos_operator.fetch.request import Mirror, Request

if TYPE_CHECKING:
    from collections.abc import Callable

REQUEST = Request(
    source="modelscope",
    repo="acme/tiny",
    revision="master",
    destination=Path("/weights/x"),
    mirrors=(
        Mirror(source="huggingface", endpoint="https://one.example"),
        Mirror(source="modelscope", repo="b/c", revision="v1", endpoint="https://two.example"),
    ),
)
MAIN, ONE, TWO = (each.hub for each in REQUEST.hubs)


def test_what_a_hub_does_not_have_is_looked_for_in_the_field_of_that_hub():
    main, one, two = REQUEST.hubs
    assert main.not_seen == (
        "check spec.source.modelscope.repo, or give a token in "
        "spec.source.modelscope.tokenSecretRef"
    )
    assert one.not_seen.startswith("check spec.source.mirrors[0].huggingface.repo, or give")
    assert replace(two, token="t").not_seen == (  # noqa: S106
        "check spec.source.mirrors[1].modelscope.repo, or the token of "
        "spec.source.mirrors[1].modelscope.tokenSecretRef may not see it"
    )


@dataclass(slots=True)
class World:
    """Stands for the tools; time passes only in sleep."""

    now: float = 0.0
    said: list[str] = field(default_factory=list)
    asked: list[tuple[float, str]] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def say(self, words: str) -> None:
        self.said.append(words)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @property
    def persistence(self) -> Persistence:
        return Persistence(patience=Patience(), sleep=self.sleep, random=lambda: 0.0, say=self.say)

    def take(self, answers: Callable[[str], Exception | str]) -> Any:
        def attempt(request: Request) -> str:
            self.asked.append((self.now, request.hub))
            answer = answers(request.hub)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return Turns(request=REQUEST, tools=self).take(attempt)  # type: ignore[arg-type]


def failing(reason: Reason, *, retry_after: float | None = None) -> FetchError:
    return FetchError(reason, "no", retry_after=retry_after)


def test_the_first_that_can_serve_does():
    world = World()
    answers: dict[str, Exception | str] = {MAIN: failing(Reason.SOURCE_UNREACHABLE), ONE: "one"}
    assert world.take(lambda hub: answers[hub]) == "one"
    assert [hub for _, hub in world.asked] == [MAIN, ONE]
    assert world.now == 0, "nobody is waited for while another is left"


def test_what_will_not_pass_is_asked_once():
    world = World()
    with pytest.raises(FetchError) as told:
        world.take(lambda _: failing(Reason.SOURCE_NOT_FOUND))
    assert [hub for _, hub in world.asked] == [MAIN, ONE, TWO]
    assert told.value.reason is Reason.SOURCE_NOT_FOUND


def test_what_may_pass_comes_round_again_but_not_for_ever():
    world = World()
    with pytest.raises(FetchError):
        world.take(lambda _: failing(Reason.SOURCE_UNREACHABLE))
    assert [hub for _, hub in world.asked] == [MAIN, ONE, TWO] * TURNS
    assert 10 < world.now < 120


def test_a_hub_is_not_asked_before_the_time_it_said():
    world = World()
    busy = failing(Reason.RATE_LIMITED, retry_after=300)
    with pytest.raises(FetchError):
        world.take(lambda hub: busy if hub == MAIN else failing(Reason.SOURCE_UNREACHABLE))
    times = [at for at, hub in world.asked if hub == MAIN]
    assert all(later - earlier >= 300 for earlier, later in itertools.pairwise(times))


def test_a_hub_that_asks_for_too_long_is_left_out():
    world = World()
    busy = failing(Reason.RATE_LIMITED, retry_after=9999)
    with pytest.raises(FetchError):
        world.take(lambda hub: busy if hub == MAIN else failing(Reason.UNAUTHORIZED))
    assert [hub for _, hub in world.asked] == [MAIN, ONE, TWO]


@pytest.mark.parametrize(
    "reason", [Reason.INSUFFICIENT_STORAGE, Reason.INVALID_SOURCE, Reason.LOCK_HELD]
)
def test_what_no_hub_can_cure_ends_it(reason: Reason):
    world = World()
    with pytest.raises(FetchError) as told:
        world.take(lambda _: failing(reason))
    assert (len(world.asked), told.value.reason) == (1, reason)


def test_the_message_has_room_for_all_of_them():
    world = World()
    long = FetchError(Reason.SOURCE_NOT_FOUND, "w" * 2000)
    with pytest.raises(FetchError) as told:
        world.take(lambda _: long)
    assert len(told.value.message) <= 1000
    assert all(hub.partition("//")[2] in told.value.message for hub in (MAIN, ONE, TWO))


def test_what_a_mirror_leaves_out_is_as_on_the_main_hub():
    _, one, two = REQUEST.hubs
    assert (one.repo, one.revision) == ("acme/tiny", "main"), "the main branch has two names"
    assert (two.repo, two.revision, two.place) == (
        "b/c",
        "v1",
        "spec.source.mirrors[1].modelscope",
    )


@pytest.mark.parametrize("revision", ["v1", "c" * 40])
def test_another_revision_is_the_same_word_everywhere(revision: str):
    """So that what a commit pins is never replaced by whatever a branch holds elsewhere."""
    pinned = Request(
        source="huggingface",
        repo="a/b",
        revision=revision,
        destination=Path("/x"),
        mirrors=(Mirror(source="modelscope"),),
    )
    assert pinned.hubs[1].revision == revision


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("modelscope", Mirror(source="modelscope")),
        ("huggingface:a/b", Mirror(source="huggingface", repo="a/b")),
        ("huggingface@v1", Mirror(source="huggingface", revision="v1")),
        (
            "modelscope=http://hub:8000/x/",
            Mirror(source="modelscope", endpoint="http://hub:8000/x"),
        ),
        (
            "huggingface:a/b@refs/pr/1=https://hub.example",
            Mirror(
                source="huggingface",
                repo="a/b",
                revision="refs/pr/1",
                endpoint="https://hub.example",
            ),
        ),
    ],
)
def test_a_mirror_as_a_person_types_it(word: str, expected: Mirror):
    assert sources.mirrors([word], environ={}, tokens={}) == (expected,)


def test_the_token_of_the_main_hub_is_the_one_that_the_settings_name():
    plain = {"FLAGOS_FETCH_TOKEN": "a"}
    assert sources.main(plain) == "a"
    named = {"FLAGOS_FETCH_TOKEN_FROM": "FLAGOS_FETCH_TOKEN_1A", "FLAGOS_FETCH_TOKEN_1A": "b"}
    assert sources.main(plain | named) == "b"
    assert sources.main(plain | {"FLAGOS_FETCH_TOKEN_FROM": "FLAGOS_FETCH_TOKEN_2B"}) is None


def test_tokens_leave_the_environment_and_find_their_mirrors(tmp_path: Path):
    (tmp_path / "token").write_text("from-a-file\n")
    environ = {"FLAGOS_FETCH_TOKEN": "a", "FLAGOS_FETCH_TOKEN_2": "b", "FLAGOS_FETCH_VERIFY": "x"}
    tokens = sources.taken(environ)
    assert environ == {"FLAGOS_FETCH_VERIFY": "x"}
    said = ["modelscope", tmp_path / "token", "huggingface", "modelscope"]
    found = sources.mirrors(said, environ=environ, tokens=tokens)
    assert [each.token for each in found] == ["from-a-file", "b", None]
    assert "from-a-file" not in repr(found)


def test_while_no_hub_can_serve_each_says_why():
    world = World()
    words = {
        MAIN: "cannot reach modelscope.cn (its name cannot be resolved): check the endpoint",
        ONE: "cannot reach one.example (it refuses the connection): check the endpoint",
        TWO: "it asks for a pause: wait",
    }
    with pytest.raises(FetchError):
        world.take(lambda hub: FetchError(Reason.SOURCE_UNREACHABLE, words[hub]))
    told = next(line for line in world.said if line.startswith("no hub"))
    assert told.startswith(
        "no hub can serve for now: cannot reach modelscope.cn (its name cannot be resolved), "
        "cannot reach one.example (it refuses the connection), two.example: it asks for a pause; "
        "trying again in "
    )
