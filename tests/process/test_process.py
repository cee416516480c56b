"""A server process seen from outside: its beginning, its limits and its end."""

import contextlib
import json
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from tests.conftest import StartServer
from tests.support.server import CLIENTRY, Server
from tests.support.wire import send

JSON_400 = b"HTTP/1.1 400 "


@pytest.fixture
def impatient(start_server: StartServer) -> Server:
    """Give a server with short timeouts and few connections."""
    env = {"CLIENTRY_HEADER_TIMEOUT": "1", "CLIENTRY_BODY_TIMEOUT": "1", "CLIENTRY_MAX_CONNECTIONS": "20"}
    return start_server(env=env)


def connect(server: Server) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def everything(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received


def problem_in(received: bytes) -> dict[str, object]:
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    return json.loads(body)


def test_p04_headers_above_16_kib_are_refused(impatient: Server) -> None:
    """One large header, and many small ones, get a 400 in the registry's form, and the connection is closed."""
    for headers in (b"X: " + b"a" * 17_000 + b"\r\n", b"".join(b"X-%d: %b\r\n" % (n, b"a" * 90) for n in range(200))):
        with connect(impatient) as connection:
            connection.sendall(b"GET /v1/ping HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")
            problem = problem_in(everything(connection))
            assert problem["code"] == 40400
            assert "16384" in str(problem["message"])


def test_p04_endless_headers_are_cut_off_in_bounded_memory(impatient: Server) -> None:
    """A header that never ends is cut off after kilobytes, not after the 30 MB that are sent."""
    before = resident(impatient.pid)
    with connect(impatient) as connection:
        connection.sendall(b"GET /v1/ping HTTP/1.1\r\nX: ")
        sent = 0
        with contextlib.suppress(OSError):
            for _ in range(480):
                connection.sendall(b"a" * 65_536)
                sent += 65_536
        assert sent < 20_000_000
    assert resident(impatient.pid) - before < 8_000_000


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("part", [b"GET /v1/ping HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"GET /v1"])
def test_p04_a_half_sent_head_is_not_waited_for(impatient: Server, part: bytes) -> None:
    """A head that stops in the middle gets a 400 and the end of the connection after its time."""
    with connect(impatient) as connection:
        connection.sendall(part)
        started = time.monotonic()
        assert problem_in(everything(connection))["code"] == 40400
        assert 0.5 < time.monotonic() - started < 5


def test_p04_a_silent_connection_is_closed(impatient: Server) -> None:
    """A connection that says nothing is closed without a word."""
    with connect(impatient) as connection:
        assert everything(connection) == b""


@pytest.mark.parametrize(
    "line", [b"\x16\x03\x01\x02\x00\x01", b"HELLO\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\0\r\n\r\n"]
)
def test_what_is_no_http_gets_a_400_in_our_form(impatient: Server, line: bytes) -> None:
    """Malformed requests are answered in JSON, like every other refusal."""
    with connect(impatient) as connection:
        connection.sendall(line)
        problem = problem_in(everything(connection))
        assert set(problem) == {"status", "message", "code", "info"}
        assert problem["status"] == 400


def test_f18_too_many_connections_are_told_so_and_leave_room_again(impatient: Server) -> None:
    """Beyond the limit a request gets 503 with Retry-After at once; when the others are gone all is well."""
    idle = [connect(impatient) for _ in range(30)]
    reply = send(impatient.url, "GET", "/healthz", [])
    assert reply.status == 503
    assert json.loads(reply.body)["code"] == 40503
    for connection in idle:
        connection.close()
    time.sleep(0.2)
    assert send(impatient.url, "GET", "/healthz", []).status == 200


def test_a_body_after_its_answer_is_thrown_away(impatient: Server) -> None:
    """A client that goes on sending after a 413 can still read it, and its bytes are kept nowhere."""
    before = resident(impatient.pid)
    with connect(impatient) as connection:
        connection.sendall(
            b"POST /api-services/v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + b"a" * 900_000
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
    assert resident(impatient.pid) - before < 8_000_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_f15_a_signal_drains_and_ends_with_0(start_server: StartServer, number: int) -> None:
    """A request under way is answered, an idle connection is closed, new ones are refused, and the exit code is 0."""
    server = start_server()
    idle = connect(server)
    idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert idle.recv(65536).startswith(b"HTTP/1.1 200 ")
    time.sleep(0.1)
    idle.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        idle.recv(65536)
    idle.settimeout(10)
    busy = connect(server)
    form = b"grant_type=client_credentials"
    busy.sendall(
        b"POST /api-services/v1/auth/token HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%b" % (len(form), form[:5])
    )
    time.sleep(0.2)
    server.signal(number)
    time.sleep(0.5)
    assert everything(idle) == b""
    with pytest.raises(OSError, match=r".*"):
        connect(server)
    busy.sendall(form[5:])
    assert everything(busy).startswith(b"HTTP/1.1 401 ")
    assert server.wait() == 0
    assert '"event":"stopped"' in server.log


def test_f15_a_second_signal_ends_at_once(start_server: StartServer) -> None:
    """A second SIGTERM does not wait for a request under way, and the exit code says so."""
    server = start_server()
    with connect(server) as busy:
        busy.sendall(b"POST /v1/clients HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        with connect(server) as slow:
            slow.sendall(
                b"POST /api-services/v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
            )
            time.sleep(0.3)
            started = time.monotonic()
            server.signal(signal.SIGTERM)
            time.sleep(0.3)
            server.signal(signal.SIGTERM)
            assert server.wait() == 1
            assert time.monotonic() - started < 5


def test_f24_a_blocked_log_does_not_block_requests(tmp_path: Path) -> None:
    """When nobody reads the log, requests are answered all the same."""
    data = tmp_path / "data"
    subprocess.run([CLIENTRY, "init", "--data", data, "--owner-email", "a@b.example"], check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([CLIENTRY, "serve", "--data", data, "--port", str(port)], stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url)
        for _ in range(1500):
            assert send(url, "GET", "/healthz/with-a-long-path" + "x" * 200, []).status == 404
    finally:
        process.kill()
        process.wait()


def wait_for(url: str) -> None:
    for _ in range(200):
        try:
            if send(url, "GET", "/readyz", []).status == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("not ready")


def test_t24_tls_is_served_from_version_1_2_on(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    """With a certificate the server speaks https, the issuer is https, HSTS is set, and TLS 1.1 is refused."""
    cert, key = certificate
    data = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = ["--tls-cert", cert, "--tls-key", key, "--port", str(port), "--data", data]
    process = subprocess.Popen([CLIENTRY, "serve", *flags], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        context = ssl.create_default_context(cafile=str(cert))
        answer = b""
        for _ in range(200):
            try:
                raw = socket.create_connection(("127.0.0.1", port))
                with context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
                    path = b"/.well-known/oauth-authorization-server"
                    connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    answer = everything(connection)
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        assert f'"issuer":"https://127.0.0.1:{port}"'.encode() in answer
        assert b"strict-transport-security: max-age=31536000" in answer
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", port)) as raw, pytest.raises((ssl.SSLError, OSError)):
            old.wrap_socket(raw)
    finally:
        process.terminate()
        assert process.wait(10) == 0


def test_the_first_token_comes_within_a_second_of_the_start(tmp_path: Path) -> None:
    """From starting on an existing directory to the first token takes under a second, with a margin for busy machines."""
    with Server(tmp_path / "data") as first:
        admin = first.admin
    started = time.monotonic()
    with Server(tmp_path / "data") as second:
        assert second.token(admin.client_id, admin.client_secret)
        assert time.monotonic() - started < 4


def test_requests_at_once_are_all_answered(server: Server) -> None:
    """64 threads with a connection each get 64 answers."""
    statuses: list[int] = []

    def one() -> None:
        statuses.append(send(server.url, "GET", "/healthz", []).status)

    threads = [threading.Thread(target=one) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 64
