"""Processor time of a process and all that it started."""

import os
import subprocess
from pathlib import Path


def processor_seconds(root: int) -> float:
    """Return the seconds that a process and its descendants have run, user and system; Linux."""
    return sum(_seconds(pid) for pid in _tree(root))


def _tree(root: int) -> list[int]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
    parents = [(int(pid), int(parent)) for pid, parent in (line.split() for line in listed.splitlines())]
    found = [root]
    for pid in found:
        found += [child for child, parent in parents if parent == pid]
    return found


def _seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
