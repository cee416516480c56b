"""The certificate that is served: whoever connects after its files were renewed gets the new one, without a restart."""

import asyncio
import ssl
from pathlib import Path
from typing import Final

import structlog

from clientry.errors import ConfigurationError

LOOK: Final = 1.0
"""Seconds from one look at the files to the next."""

_log = structlog.get_logger("clientry.certificate")

Stamp = tuple[tuple[int, int, int, int], ...] | None


class Certificate:
    """A chain and its key, as they are on disk.

    A renewed pair is tried by itself, and takes the place of the one before as a whole: where only one of the two files is new yet,
    or one cannot be read, the old pair is served on.

    Args:
        chain: a chain in PEM.
        key: its private key in PEM.

    Attributes:
        context: what connections begin with: TLS 1.2 or newer.

    Raises:
        ConfigurationError: they cannot be read, or do not belong together.
    """

    def __init__(self, chain: Path, key: Path) -> None:
        self._paths = (chain, key)
        self._seen = self._stamp()
        self.context = self._load()

    def renew(self, *, always: bool = False) -> None:
        """Serve what is in the files now, if they have changed or `always`."""
        now = self._stamp()
        if now == self._seen and not always:
            return
        self._seen = now
        try:
            self.context = self._load()
        except ConfigurationError as problem:
            _log.warning("the renewed certificate cannot be used; the old one is served on", reason=str(problem))
        else:
            _log.info("certificate read again", chain=str(self._paths[0]))

    async def watch(self) -> None:
        """Look at the files now and then, until this is cancelled; a disk that hangs holds nobody up."""
        while True:
            await asyncio.sleep(LOOK)
            await asyncio.to_thread(self.renew)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(
                *self._paths, password=""
            )  # an encrypted key is refused; nobody is asked on a terminal
        except (OSError, ssl.SSLError) as problem:
            raise ConfigurationError(f"The TLS certificate and key cannot be used: {problem}.") from None
        return context

    def _stamp(self) -> Stamp:
        """Return what is different when a file was replaced, written, or given to somebody else."""
        try:
            found = [path.stat() for path in self._paths]
        except OSError:
            return None
        return tuple((one.st_dev, one.st_ino, one.st_ctime_ns, one.st_size) for one in found)
