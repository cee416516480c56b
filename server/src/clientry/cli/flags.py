"""Settings as flags: made from the table in `config.py`, so that each is declared once."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from cyclopts import Parameter

from clientry.settings import SETTINGS, Setting

CommandT = TypeVar("CommandT", bound=Callable[..., object])

PLACES = ("data", "database", "pepper_file", "key_encryption_key_file")
"""The settings that every command on a data directory takes."""
EVERY = tuple(setting.name for setting in SETTINGS if not setting.variable_only)


def settings_flags(*names: str) -> Callable[[CommandT], CommandT]:
    """Give a command with `**flags` a flag for each of these settings, and `--config` for the TOML file."""
    chosen = [setting for setting in SETTINGS if setting.name in names]

    def give(command: CommandT) -> CommandT:
        own = inspect.signature(command)
        kept = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        config_help = "TOML file with settings. Default: clientry.toml in the data directory."
        added = [_flag("config", str, config_help), *(_flag(s.name, _kind(s), s.help) for s in chosen)]
        cast("Any", command).__signature__ = own.replace(parameters=[*kept, *added])
        command.__annotations__.pop("flags", None)
        command.__annotations__.update({p.name: p.annotation for p in added})
        return command

    return give


def as_arguments(flags: Mapping[str, object]) -> list[str]:
    """Return the command line that gives these flags again."""
    arguments: list[str] = []
    for name, value in flags.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            arguments.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            arguments += [f"--{flag}", str(value)]
    return arguments


def _flag(name: str, kind: object, text: str) -> inspect.Parameter:
    annotation = Annotated[cast("Any", kind) | None, Parameter(help=text, show_default=False, group="Settings")]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _kind(setting: Setting) -> object:
    """Return what the command line reads: switches get `--no-…`, the rest is text that `config.py` judges."""
    if isinstance(setting.default, bool):
        return bool
    return Path if isinstance(setting.default, Path) else str
