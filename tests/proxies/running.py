"""A real nginx and a real HAProxy, each with the configuration that the how-to shows, and what they logged."""

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest
from tests.support.eventually import eventually

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-behind-a-proxy.md"

_NGINX = """daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; {user}
events {{ worker_connections 512; }}
http {{
log_format seen escape=json '{{"id":"$request_id","method":"$request_method","target":"$request_uri","answer":"$upstream_status",'
  '"server":"$upstream_addr"}}';
access_log {folder}/access.log seen;
client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/a; uwsgi_temp_path {folder}/b;
scgi_temp_path {folder}/c;
map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
{page}
}}
"""
_HAPROXY = """global
    log stdout format raw local0
{page}
"""
_HAPROXY_LOG = """
    log global
    log-format '{"id":"%ID","method":"%HM","target":"%[var(txn.target),json(utf8s)]","server":"%s","answer":"%ST"}'
"""
_HAPROXY_RULES = """http-request set-var(txn.target) url
    http-request deny if { path_sub hidden }
    """


class Passed(NamedTuple):
    """A request that a proxy passed on. `answer`: the status that it got."""

    method: str
    path: str
    answer: str


class Proxy(NamedTuple):
    """A running proxy. `url`: where it is; `log`: where it writes."""

    url: str
    log: Path

    def passed(self) -> dict[str, Passed]:
        """Return what it has passed on, by the id that it gave to each."""
        lines = [
            json.loads(line) for line in self.log.read_text("utf-8", "replace").splitlines() if line.startswith("{")
        ]
        return {
            line["id"]: Passed(line["method"], _path(line["target"]), line["answer"])
            for line in lines
            if line["server"] not in ("", "-", "<NOSRV>")
        }


def _path(target: str) -> str:
    """Return the path of a target as Clientry logs it: decoded, and long segments shortened."""
    path = target if target.startswith(("/", "*")) else "/" + target.partition("://")[2].partition("/")[2]
    return re.sub(r"[^/]{37,}", "*", unquote(path.partition("?")[0]))


def block(language: str, holds: str) -> str:
    """Return the how-to's block in a language that holds some text."""
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (one,) = (text for text in found if holds in text)
    return one


@contextmanager
def nginx(folder: Path, target: str, *, upgrades: bool = False, buffering: bool = True) -> Generator[Proxy]:
    """Run nginx as the how-to says.

    Args:
        folder: for its files.
        target: the server's URL.
        upgrades: with the lines that WebSockets need.
        buffering: whether it takes whole bodies first.
    """
    port = _free_port()
    page = block("nginx", "upstream").replace("127.0.0.1:8080", urlsplit(target).netloc)
    page = page.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    page = re.sub(r"\n +ssl_certificate.*", "", page)
    if upgrades:
        page = page.replace('proxy_set_header Connection "";\n', block("nginx", "$connection_upgrade"))
    if not buffering:
        page = page.replace("proxy_pass", "proxy_request_buffering off;\nproxy_pass")
    page = page.replace("location / {", "location ~ hidden { return 403; }\nlocation / {")
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, user=user, page=page))
    command = [_program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with _running(command, port, folder / "output") as url:
        yield Proxy(url, folder / "access.log")


@contextmanager
def haproxy(folder: Path, target: str, reuse: str = "safe") -> Generator[Proxy]:
    """Run HAProxy as the how-to says.

    Args:
        folder: for its files.
        target: the server's URL.
        reuse: when a connection to the server may be used for another client.
    """
    port = _free_port()
    page = block("haproxy", "frontend").replace("127.0.0.1:8080", urlsplit(target).netloc)
    page = re.sub(r"bind :443 .*", f"bind 127.0.0.1:{port}", page)
    page = page.replace(
        "default_backend",
        "http-request set-var(txn.target) url\n    http-request deny if { path_sub hidden }\n    default_backend",
    )
    page = page.replace("mode http\n", "mode http" + _HAPROXY_LOG)
    page = page.replace("inter 2s", "inter 100ms")  # a check that fails would show
    page = page.replace("option httpchk", f"http-reuse {reuse}\n    option httpchk")
    (folder / "haproxy.cfg").write_text(_HAPROXY.format(page=page))
    log = folder / "output"
    with _running([_program("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")], port, log) as url:
        yield Proxy(url, log)


def _program(name: str) -> str:
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@contextmanager
def _running(command: list[str], port: int, output: Path) -> Generator[str]:
    with output.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    try:
        eventually(lambda: _listens(port) or process.poll() is not None, 10, output.read_text)
        assert process.poll() is None, output.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
