"""Private files: whole or not at all, never through a link that somebody laid, and usable by the owner of their folder."""

import errno
import os
import stat
from pathlib import Path

import pytest

from clientry import files


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


@pytest.fixture(params=["links", "no links"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder on a file system with hard links, and one on which they are refused as SMB and exFAT refuse them."""

    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if request.param == "no links":
        monkeypatch.setattr(os, "link", refused)
    return tmp_path


def test_a_file_is_private_and_leaves_no_draft(folder: Path) -> None:
    """What is written has its text, is readable by its owner only, and stands alone in its folder."""
    files.write(folder / "key", "text")
    assert (folder / "key").read_text() == "text"
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600
    assert names(folder) == {"key"}


def test_what_is_there_is_never_written_over(folder: Path) -> None:
    """A file that is there stays, and so does what a link points to; replacing is done only where it is asked for."""
    (folder / "victim").write_text("mine")
    (folder / "link").symlink_to(folder / "victim")
    (folder / "key").write_text("first")
    for name in ("key", "link"):
        with pytest.raises(FileExistsError):
            files.write(folder / name, "second")
    assert ((folder / "key").read_text(), (folder / "victim").read_text()) == ("first", "mine")
    files.write(folder / "link", "second", replace=True)
    assert ((folder / "link").read_text(), (folder / "victim").read_text()) == ("second", "mine")
    assert not (folder / "link").is_symlink()
    assert names(folder) == {"victim", "link", "key"}


def test_nobody_can_lay_a_link_where_a_draft_will_be(tmp_path: Path) -> None:
    """Two drafts of one file have different names in one process: neither follows from what is known before."""
    with files.draft_of(tmp_path / "key") as one, files.draft_of(tmp_path / "key") as other:
        assert one != other
    assert names(tmp_path) == set()


def test_a_name_that_was_taken_meanwhile_is_left_alone(folder: Path) -> None:
    """Between drafting and naming somebody else may be faster: theirs stays, and ours is gone."""
    with files.draft_of(folder / "key") as draft:
        draft.write_text("late")
        (folder / "key").write_text("early")
        with pytest.raises(FileExistsError):
            files.publish(draft, folder / "key")
    assert (folder / "key").read_text() == "early"
    assert names(folder) == {"key"}


def test_whatever_stands_beside_a_draft_goes_with_it(tmp_path: Path) -> None:
    """The log of a database that was a draft is not left behind, whatever the file is called."""
    with files.draft_of(tmp_path / "a[b]*.db") as draft:
        draft.with_name(draft.name + "-wal").write_text("x")
    assert names(tmp_path) == set()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(folder: Path) -> None:
    """A key, a lock, a replaced file and a folder that root makes in somebody's folder are that somebody's."""
    os.chown(folder, 12345, 12346)
    files.write(folder / "key", "text")
    files.write(folder / "key", "text", replace=True)
    os.close(files.open_private(folder / "lock"))
    files.make_folder(folder / "new" / "data")
    files.write(folder / "new" / "data" / "key", "text")
    owners = {(entry.stat().st_uid, entry.stat().st_gid) for entry in folder.rglob("*")}
    assert owners == {(12345, 12346)}


def test_a_file_system_that_cannot_sync_folders_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a folder's fsync is refused as invalid the file is there all the same; a disk that fails is told."""
    codes = [errno.EINVAL, errno.EIO]

    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(codes[0], os.strerror(codes[0]))

    monkeypatch.setattr(os, "fsync", refuse)
    files.write(tmp_path / "key", "text")
    codes.pop(0)
    with pytest.raises(OSError, match="Input/output"):
        files.write(tmp_path / "other", "text")
