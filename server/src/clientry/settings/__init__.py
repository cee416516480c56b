"""What can be set: each setting is declared once, and can be given as a flag, as `CLIENTRY_*`, or in the TOML file."""

from clientry.settings.declared import SETTINGS, Settings, shown
from clientry.settings.loading import Loaded, load, stray_variables
from clientry.settings.setting import Setting
from clientry.settings.values import HiddenText, LogFormat, LogLevel

__all__ = [
    "SETTINGS",
    "HiddenText",
    "Loaded",
    "LogFormat",
    "LogLevel",
    "Setting",
    "Settings",
    "load",
    "shown",
    "stray_variables",
]
