"""Commands that are asked to end, and commands that cannot go on: one line at most, and an exit code that says which."""

import fcntl
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.support.server import CLIENTRY

MOMENTS = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2]
"""Fractions of the time that a start takes."""


def environment(**more: str) -> dict[str, str]:
    ours = ("CLIENTRY_", "PYTHONUNBUFFERED")  # the latter would hide what is left in buffers
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "CLIENTRY_LOG_FORMAT": "json", **more}


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """Start a command, and return when the interpreter has come to its first line: from then on signals are its own."""
    command = [CLIENTRY, *map(str, arguments)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    while process.poll() is None and not hears(process.pid, signal.SIGTERM):
        time.sleep(0.001)
    return process


def hears(pid: int, number: int) -> bool:
    """Tell whether a process has a handler of its own for a signal."""
    caught = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def starting_time(data: Path) -> float:
    """Return how many seconds pass from the first line until a server serves."""
    process = start("serve", "--data", data, "--port", "0")
    began = time.monotonic()
    assert process.stderr is not None
    for line in process.stderr:
        if '"event":"serving"' in line:
            break
    took = time.monotonic() - began
    process.terminate()
    process.communicate()
    return took


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_f15_a_server_can_be_asked_to_end_at_any_moment_of_its_start(tmp_path: Path, number: int, code: int) -> None:
    """Ctrl-C ends a start with one line and 130, SIGTERM with 0 and no word; when it serves already, both end it in order."""
    whole = starting_time(tmp_path / "first")
    for count, moment in enumerate(MOMENTS):
        process = start("serve", "--data", tmp_path / str(count), "--port", "0")
        time.sleep(moment * whole)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        served = '"event":"stopped"' in err
        lines = [line for line in err.splitlines() if not line.startswith(("{", "The first admin client's"))]
        assert process.returncode == (0 if served else code), (moment, out, err)
        assert lines == (["clientry: interrupted."] if number == signal.SIGINT and not served else []), (moment, err)
        assert [path.name for path in (tmp_path / str(count)).glob(".*")] == []


def test_another_command_that_is_asked_to_end_says_so_by_its_exit_code(tmp_path: Path) -> None:
    """Ctrl-C is 130 with one line, SIGTERM 143: a script can tell them from success and from failure."""
    for number, code, said in ((signal.SIGINT, 130, "clientry: interrupted.\n"), (signal.SIGTERM, 143, "")):
        process = start("clients", "list", "--data", tmp_path)
        process.send_signal(number)
        assert process.communicate(timeout=20)[1] == said
        assert process.returncode == code


def test_sighup_does_not_end_a_start(tmp_path: Path) -> None:
    """A server that is told to read its files again while it is just reading them goes on."""
    process = start("serve", "--data", tmp_path / "data", "--port", "0")
    for _ in range(20):
        process.send_signal(signal.SIGHUP)
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0


def as_first_process() -> list[str]:
    """Return what makes a command the first process of a container of its own."""
    command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("unshare(1) may not make containers here")
    return command


@pytest.mark.parametrize("wait", [0.1, 0.4])
def test_f15_the_first_process_of_a_container_hears_sigterm_while_it_starts(tmp_path: Path, wait: float) -> None:
    """The system hands such a process no signal that it has no handler for; ours has one from its first line."""
    command = [*as_first_process(), CLIENTRY, "serve", "--data", str(tmp_path / "data"), "--port", "0"]
    outer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    time.sleep(wait)
    inner = subprocess.run(["ps", "-o", "pid=", "--ppid", str(outer.pid)], capture_output=True, text=True, check=True)
    os.kill(int(inner.stdout), signal.SIGTERM)
    assert outer.wait(10) == 0


def test_a_reader_that_goes_away_ends_a_command_quietly(tmp_path: Path) -> None:
    """`clientry config | head -1` prints no traceback and exits as programs do that write into a closed pipe."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [CLIENTRY, "config", "--data", tmp_path]
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, text=True, env=environment(), check=False, timeout=20
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_slow_reader_gets_everything(tmp_path: Path) -> None:
    """What is printed into a pipe that does not block, as some programs make them, is not cut off where the pipe is full."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    origins = ",".join(f"https://app-{number}.example.com" for number in range(300))
    command = [CLIENTRY, "config", "--data", tmp_path, "--json", "--cors-origins", origins]
    process = subprocess.Popen(command, stdout=writing, env=environment())
    os.close(writing)
    printed = b""
    while part := os.read(reading, 100):
        printed += part
    os.close(reading)
    assert process.wait(20) == 0
    assert len(json.loads(printed)["cors_origins"]["value"]) == 300


def test_a_full_disk_under_the_output_is_one_line(tmp_path: Path) -> None:
    """What cannot be written is told on stderr; where that is full, too, the exit code is all there is."""
    command = [CLIENTRY, "config", "--data", tmp_path]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment())
        assert (done.returncode, done.stderr) == (1, "clientry: No space left on device.\n")
        assert subprocess.run(command, stdout=full, stderr=full, check=False, env=environment()).returncode == 1


def test_closed_standard_streams_are_opened(tmp_path: Path) -> None:
    """A server that is started without stdin, stdout and stderr serves, and no socket of it gets their numbers."""
    script = f'exec "{CLIENTRY}" serve --data "{tmp_path / "data"}" --port 0 <&- >&- 2>&-'
    process = subprocess.Popen(["sh", "-c", script], env=environment())
    deadline = time.monotonic() + 20
    while not (tmp_path / "data" / "first-client.json").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    opened = [str(Path(f"/proc/{process.pid}/fd/{number}").readlink()) for number in range(3)]
    process.terminate()
    assert process.wait(20) == 0
    assert opened == ["/dev/null"] * 3
