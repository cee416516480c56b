"""Private files that appear whole or not at all. What root makes belongs to the owner of its folder, who can then use it."""

import contextlib
import errno
import glob
import os
import pwd
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from clientry import ending

_NO_LINKS: Final = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK)
"""What a file system answers that has no hard links: SMB, exFAT, many in user space."""

_NO_FOLDER_SYNC: Final = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF)


@contextmanager
def draft_of(path: Path) -> Generator[Path]:
    """Make an empty file beside `path` that only its owner can read, under a name that nobody can foresee or occupy.

    When the context ends it is gone, with whatever was made beside it under a longer name.

    Raises:
        OSError: it cannot be made.
    """
    draft: Path | None = None
    try:
        with ending.held():  # a signal comes before there is a draft, or when it is known and put away
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # O_EXCL, O_NOFOLLOW and 0600
            os.close(descriptor)
            draft = Path(name)
        give_to_folder_owner(draft)
        yield draft
    finally:
        for left in draft.parent.glob(glob.escape(draft.name) + "*") if draft else ():
            left.unlink(missing_ok=True)


def publish(draft: Path, path: Path, *, replace: bool = False) -> None:
    """Give a draft its name, on disk as well.

    Args:
        draft: what is to be there.
        path: its name.
        replace: whether a file that is there already is replaced.

    Raises:
        FileExistsError: there is one already, perhaps since a moment ago; nothing was changed.
        OSError: it cannot be done.
    """
    if replace:
        draft.replace(path)
    else:
        _link(draft, path)
    _keep_name(path.parent)


def write(path: Path, text: str, *, replace: bool = False) -> None:
    """Make a private file with this text: a crash leaves no half of it.

    Raises:
        FileExistsError: there is one already, and it may not be replaced.
        OSError: it cannot be made.
    """
    with draft_of(path) as draft:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        publish(draft, path, replace=replace)


def open_private(path: Path) -> int:
    """Open a file to read and write, and make it where there is none; return its descriptor.

    Raises:
        OSError: it cannot be made, or is there and may not be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return os.open(path, os.O_RDWR)
    give_to_folder_owner(path)
    return descriptor


def whose(path: Path) -> str:
    """Return why this user may not read and write a file or folder that is there, "" where nothing is against it."""
    try:
        found = path.stat()
    except OSError:
        return ""
    wanted = os.R_OK | os.W_OK | (os.X_OK if stat.S_ISDIR(found.st_mode) else 0)
    if os.access(path, wanted):
        return ""
    return f"{path} belongs to {_user(found.st_uid)}, and {_user(os.geteuid())} has no permission to use it"


def make_folder(path: Path) -> None:
    """Make a folder that only its owner can enter, and those above it, where they are missing.

    Raises:
        OSError: it cannot be made.
    """
    missing = [one for one in (path, *path.parents) if not one.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in reversed(missing):
        give_to_folder_owner(one)


def give_to_folder_owner(path: Path) -> None:
    """Where root made a file in somebody's folder, have it belong to that somebody, as SQLite does with what it makes."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        with contextlib.suppress(OSError):  # a file system without owners
            os.chown(path, folder.st_uid, folder.st_gid, follow_symlinks=False)


def _keep_name(folder: Path) -> None:
    """Have what is new in a folder outlive a loss of power, where the file system can promise that of folders."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as problem:
        if problem.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def _link(draft: Path, path: Path) -> None:
    """Name a draft; unlike a rename a link never replaces what another process made meanwhile."""
    try:
        os.link(draft, path)
    except OSError as problem:
        if problem.errno not in _NO_LINKS:
            raise
        # The empty file decides who of several makes it; for a moment it is there, and empty.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        try:
            draft.replace(path)
        except OSError:
            path.unlink()
            raise


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
