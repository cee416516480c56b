"""From a path to what answers it: exact paths by one look-up, paths with parameters by their patterns in turn."""

import re
from collections.abc import Awaitable, Mapping
from urllib.parse import unquote

from clientry.http.exchange import App, Receive, Scope, Send

_PARAMETER = re.compile(r"\{(\w+)\}")
_DIVIDER = re.compile("%(2f|25)", re.IGNORECASE)


class Routes:
    """Answers each request with the application at its path.

    Args:
        table: applications by path; `{name}` stands for one segment, which is put into `scope["path_params"]`.
        otherwise: answers every other path; there are no redirects.
    """

    def __init__(self, table: Mapping[str, App], otherwise: App) -> None:
        self._exact = {path: app for path, app in table.items() if "{" not in path}
        self._patterns = [(_pattern(path), app) for path, app in table.items() if "{" in path]
        self._otherwise = otherwise

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Return what answers a request; a coroutine of its own would cost time and memory, and do nothing."""
        path = scope["path"] if b"%" not in scope["raw_path"] else _undivided(scope["raw_path"])
        app = self._exact.get(path)
        if app is None:
            app = self._by_pattern(path, scope)
        return app(scope, receive, send)

    def _by_pattern(self, path: str, scope: Scope) -> App:
        for pattern, app in self._patterns:
            match = pattern.fullmatch(path)
            if match is not None:
                params = match.groupdict()
                scope["path_params"] = (
                    params if "%" not in path else {name: unquote(one) for name, one in params.items()}
                )
                return app
        return self._otherwise


def _undivided(raw: bytes) -> str:
    """Return a path, decoded but for what would divide it: an encoded slash stands inside a segment (RFC 3986 section 2.2)."""
    return unquote(_DIVIDER.sub(r"%25\1", raw.decode("ascii")))


def _pattern(path: str) -> re.Pattern[str]:
    literal = _PARAMETER.split(path)
    parts = [f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(literal)]
    return re.compile("".join(parts))
