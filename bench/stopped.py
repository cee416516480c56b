"""The dearest look-up: of a client under a line of accounts as long as may be, each of which was stopped before."""

import json
import subprocess
from pathlib import Path

from tests.support.revision import Program

from clientry.records.account import MAX_DEPTH


def stopped_line(program: Program, data: Path, root: str) -> dict[str, str]:
    """Make accounts below a root, suspend and resume each, and return the credentials of an admin client of the last.

    Args:
        program: the command that is Clientry.
        data: the directory.
        root: the id of the root account, which is suspended and resumed, too.
    """

    def run(*arguments: str) -> dict[str, dict[str, str]]:
        command = [*program, *arguments, "--data", str(data), "--json"]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    line = [root]
    while len(line) < MAX_DEPTH:
        names = ("--name", f"level {len(line)}", "--owner-email", "bench@example.com")
        line.append(run("accounts", "create", *names, "--parent", line[-1])["account"]["id"])
    for account_id in line:
        run("accounts", "suspend", account_id)
        run("accounts", "resume", account_id)
    made = run("clients", "create", "--name", "bench", "--type", "admin", "--account", line[-1])
    return {name: str(made[name]) for name in ("client_id", "client_secret")}
