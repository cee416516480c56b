"""`clientry`, and `python -m clientry`: the program's first lines. Signals are heard before anything else is loaded."""

import sys

from clientry import ending


def main() -> None:
    """Run a command."""
    ending.open_standard_streams()
    ending.hear(serves=sys.argv[1:2] in (["serve"], ["worker"]))
    from clientry.cli import main as run_command  # noqa: PLC0415 - it loads for half a second

    run_command()


if __name__ == "__main__":
    main()
