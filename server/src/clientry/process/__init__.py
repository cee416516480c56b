"""Being a good process: sockets, limits of connections and requests, and an orderly end."""

from clientry.process.protocol import Limits, Refusals
from clientry.process.server import Listener, bind, run

__all__ = ["Limits", "Listener", "Refusals", "bind", "run"]
