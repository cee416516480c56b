"""Print docs/reference/settings.md from the table of settings."""

import json
from typing import Any

from clientry.settings import SETTINGS, Settings, shown


def page() -> str:
    """Return the page."""
    values: dict[str, Any] = {setting.name: setting.default for setting in SETTINGS}
    defaults = shown(Settings(**values))
    rows = [
        f"| `{setting.name}` | `{setting.flag}` | `{setting.variable}` | `{json.dumps(defaults[setting.name])}` | {setting.help} |"
        for setting in SETTINGS
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "Each can be given as a flag, as a variable, or in the TOML file, in this order of precedence. The file is",
            "`clientry.toml` in the data directory, or where `--config` or `CLIENTRY_CONFIG` says. `clientry config` shows",
            "what is in force, and from where.",
            "",
            "Lists are separated by commas in flags and variables; `products` is JSON there and `[[products]]` in TOML.",
            "",
            "| setting | flag | variable | default | meaning |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    print(page(), end="")
