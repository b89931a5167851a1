"""What a hub lists is believed only as far as it does no harm."""

from __future__ import annotations

import pytest

from flagos_operator.fetch.listing import Listing, RemoteFile, check_paths, chosen, wanted
from flagos_operator.fetch.reasons import FetchError, Reason


def a_file(path: str, *, size: int = 1, checksum: str = "0" * 64) -> RemoteFile:
    return RemoteFile(path=path, size=size, algorithm="sha256", checksum=checksum)


def listed(*paths: str) -> tuple[RemoteFile, ...]:
    return tuple(a_file(path) for path in paths)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "..",
        "../evil",
        "a/../../evil",
        "a/./b",
        "a//b",
        "a/",
        "a\\b",
        "a\nb",
        "a\0b",
        "a\u202eb",
        "x" * 1025,
        ".flagos.json",
        ".flagos/lock",
    ],
)
def test_a_path_that_could_do_harm_is_refused(path):
    with pytest.raises(FetchError) as refused:
        check_paths(listed("config.json", path))
    assert refused.value.reason is Reason.INVALID_SOURCE


@pytest.mark.parametrize(
    "path",
    ["a", "a/b/c.json", "..a", "a..b/c", ".gitattributes", "mod\u00e8le.bin", "sub/.flagos.json"],
)
def test_a_plain_path_is_accepted(path):
    check_paths(listed(path))


def test_a_name_cannot_be_a_file_and_a_directory():
    with pytest.raises(FetchError, match="as a file and as a directory"):
        check_paths(listed("a/b", "a/b/c"))


def test_a_name_cannot_come_twice():
    with pytest.raises(FetchError, match="twice"):
        check_paths((a_file("a"), a_file("a", size=2)))


def test_a_size_is_not_negative():
    with pytest.raises(FetchError, match="negative"):
        check_paths((a_file("a", size=-1),))


@pytest.mark.parametrize(
    ("include", "exclude", "left"),
    [
        ((), (), ["a.json", "b.bin", "sub/a.json"]),
        (("*.json",), (), ["a.json", "sub/a.json"]),
        (("sub/",), (), ["sub/a.json"]),
        ((), ("*.bin",), ["a.json", "sub/a.json"]),
        (("*.json",), ("sub/*",), ["a.json"]),
        (("A.json", "b.bin"), (), ["b.bin"]),
    ],
)
def test_patterns_choose(include, exclude, left):
    listing = Listing(files=listed("sub/a.json", "b.bin", "a.json"))
    chosen = wanted(listing, include=include, exclude=exclude)
    assert [file.path for file in chosen.files] == left


def test_patterns_that_leave_nothing_say_so():
    with pytest.raises(FetchError, match=r"source\.include"):
        wanted(Listing(files=listed("a")), include=("b",), exclude=())


def test_a_part_is_continued_only_for_the_same_name_and_content():
    same = a_file("a", size=2, checksum="1" * 64)
    others = (
        a_file("b", size=2, checksum="1" * 64),
        a_file("a", size=3, checksum="1" * 64),
        a_file("a", size=2, checksum="2" * 64),
    )
    assert same.key == a_file("a", size=2, checksum="1" * 64).key
    assert same.key not in {other.key for other in others}


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ((), (), ""),
        ((), ("tokenizer.json",), " (without tokenizer.json)"),
        (("*.json", "a/"), (), " (only *.json, a/)"),
        (("*.json",), ("a/*",), " (only *.json; without a/*)"),
    ],
)
def test_a_choice_of_files_is_told_in_words(include, exclude, expected):
    assert chosen(include, exclude) == expected
