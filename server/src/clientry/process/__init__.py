"""Being a good process: sockets, workers, limits of connections and requests, and an orderly end."""

from clientry.process.protocol import Limits, Refusals
from clientry.process.server import Listener, Signs, bind, run
from clientry.process.workers import READY, Supervisor

__all__ = ["READY", "Limits", "Listener", "Refusals", "Signs", "Supervisor", "bind", "run"]
