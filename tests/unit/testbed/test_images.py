"""Images are the same for the same inputs, and are made once."""

import json
import tarfile
from pathlib import Path

import pytest

from testbed.images import oci
from testbed.images.store import Store, inputs_digest
from testbed.terminal import Progress


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(root=tmp_path / "cache", progress=Progress())


def a_tree(root: Path) -> Path:
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "tool").write_text("#!/bin/sh\n")
    (root / "bin" / "tool").chmod(0o755)
    (root / "bin" / "alias").symlink_to("tool")
    return root


def an_image(tmp_path, *, text="hello", **fields) -> oci.Image:
    layer = oci.write_layer(tmp_path / "layer.tar", [oci.Text("etc/motd", text)])
    return oci.Image(name="localhost/some:1", layers=(layer,), **fields)


def members(archive: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(archive) as tar:
        return {member.name: member for member in tar}


def read_json(archive: Path, name: str):
    with tarfile.open(archive) as tar:
        return json.load(tar.extractfile(name))


def config_of(archive: Path):
    index = read_json(archive, "index.json")
    manifest = read_json(archive, oci.blob_path(index["manifests"][0]["digest"]))
    return read_json(archive, oci.blob_path(manifest["config"]["digest"]))


def test_the_same_tree_gives_the_same_digest_wherever_it_lies(tmp_path):
    first = oci.write_layer(tmp_path / "1.tar", [oci.Tree("", a_tree(tmp_path / "here"))])
    second = oci.write_layer(tmp_path / "2.tar", [oci.Tree("", a_tree(tmp_path / "there"))])
    assert (first.digest, first.size) == (second.digest, second.size)


def test_a_layer_has_no_owner_and_no_time_of_this_machine(tmp_path):
    layer = oci.write_layer(tmp_path / "l.tar", [oci.Tree("opt", a_tree(tmp_path / "tree"))])
    assert {(m.uid, m.gid, m.mtime) for m in members(layer.path).values()} == {(0, 0, 0)}


def test_a_tree_keeps_its_modes_and_links(tmp_path):
    layer = oci.write_layer(tmp_path / "l.tar", [oci.Tree("opt", a_tree(tmp_path / "tree"))])
    found = members(layer.path)
    assert list(found) == ["opt", "opt/bin", "opt/bin/alias", "opt/bin/tool"]
    assert found["opt/bin/tool"].mode == 0o755
    assert found["opt/bin/alias"].linkname == "tool"


def test_the_first_entry_for_a_path_wins(tmp_path):
    entries = [oci.Directory("tmp", 0o1777), oci.Text("tmp/x", ""), oci.Directory("tmp")]
    layer = oci.write_layer(tmp_path / "l.tar", entries)
    assert members(layer.path)["tmp"].mode == 0o1777


def test_an_archive_holds_every_blob_under_its_digest(tmp_path):
    archive = tmp_path / "image.tar"
    oci.write_image(an_image(tmp_path), archive)
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.startswith("blobs/"):
                text = tar.extractfile(member).read().decode()
                assert oci.blob_path(oci.digest_of(text)) == member.name


def test_an_image_says_how_it_starts(tmp_path):
    archive = tmp_path / "image.tar"
    image = an_image(tmp_path, entrypoint=("run",), env={"HOME": "/home"}, user="65532")
    oci.write_image(image, archive)
    config = config_of(archive)["config"]
    assert config["Entrypoint"] == ["run"]
    assert config["User"] == "65532"
    assert config["Env"] == [f"PATH={oci.PATH}", "HOME=/home"]


def test_an_archive_is_named_for_the_container_runtime(tmp_path):
    archive = tmp_path / "image.tar"
    oci.write_image(an_image(tmp_path), archive)
    (entry,) = read_json(archive, "index.json")["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == "localhost/some:1"


def test_an_image_is_made_once_per_inputs(store):
    made = []

    def build(text):
        def make(scratch):
            made.append(text)
            return an_image(scratch, text=text)

        return store.image("localhost/some:1", inputs=[text], make=make)

    for text in ("a", "a", "b", "b"):
        build(text)
    assert made == ["a", "b"]


def test_nothing_but_the_archive_and_its_stamp_is_kept(store):
    path = store.image("localhost/some:1", inputs=[], make=an_image)
    kept = (p for p in store.root.rglob("*") if p.is_file() and "locks" not in p.parts)
    left = sorted(p.name for p in kept)
    assert left == ["some.json", "some.tar"]
    assert path.name == "some.tar"


def test_a_lost_archive_is_made_again(store):
    path = store.image("localhost/some:1", inputs=[], make=an_image)
    path.unlink()
    store.image("localhost/some:1", inputs=[], make=an_image)
    assert path.exists()


@pytest.mark.parametrize("change", ["content", "mode", "name"])
def test_any_change_of_a_directory_changes_its_digest(tmp_path, change):
    tree = a_tree(tmp_path / "tree")
    before = inputs_digest([tree])
    tool = tree / "bin" / "tool"
    match change:
        case "content":
            tool.write_text("#!/bin/bash\n")
        case "mode":
            tool.chmod(0o644)
        case _:
            tool.rename(tree / "bin" / "other")
    assert inputs_digest([tree]) != before


def test_what_python_caches_is_no_input(tmp_path):
    tree = a_tree(tmp_path / "tree")
    before = inputs_digest([tree])
    (tree / "__pycache__").mkdir()
    (tree / "__pycache__" / "x.pyc").write_bytes(b"")
    assert inputs_digest([tree]) == before


def test_texts_are_not_run_together():
    assert inputs_digest(["ab", "c"]) != inputs_digest(["a", "bc"])


def test_a_directory_is_whole_or_absent(store):
    def breaks(made):
        (made / "half").touch()
        raise InterruptedError

    with pytest.raises(InterruptedError):
        store.directory("site", inputs=["a"], make=breaks, usually="no time")
    assert list(store.root.rglob("half")) == []


def test_only_the_newest_directory_is_kept(store):
    def make(made):
        (made / "file").touch()

    first, second = (
        store.directory("site", inputs=[text], make=make, usually="no time") for text in "ab"
    )
    assert (first.exists(), second.exists()) == (False, True)
