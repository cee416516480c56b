"""Being a good process: connections, sockets, workers, limits of what a client may take, and an orderly end."""

from clientry.process.server import BACKLOG, Listener, Signs, bind, run
from clientry.process.shared import Limits
from clientry.process.states import Times
from clientry.process.workers import READY, Supervisor

__all__ = ["BACKLOG", "READY", "Limits", "Listener", "Signs", "Supervisor", "Times", "bind", "run"]
