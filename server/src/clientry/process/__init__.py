"""Being a good process: connections, sockets, workers, limits of what a client may take, and an orderly end."""

from clientry.process.listening import BACKLOG, bind
from clientry.process.server import Listener, Signs, run
from clientry.process.shared import Limits
from clientry.process.states import Times
from clientry.process.workers import READY, Supervisor, WorkerCommand

__all__ = ["BACKLOG", "READY", "Limits", "Listener", "Signs", "Supervisor", "Times", "WorkerCommand", "bind", "run"]
