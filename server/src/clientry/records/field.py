"""The fields that people fill in: what each must be. One rule per kind, for the API and the command line alike."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from clientry.errors import BadRequest
from clientry.records.client import MAX_LABELS, MAX_TOKEN_LIFETIME, MIN_TOKEN_LIFETIME, TOKEN_LIFETIME_PRESETS
from clientry.records.text import has_forbidden_characters, is_readable

MAX_NAME: Final = 255
MAX_EMAIL: Final = 254
DURATIONS: Final = {"1h": 3600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000}
"""Seconds, by the name that people choose."""
LAST_MOMENT: Final = 253_402_300_799
"""9999-12-31T23:59:59Z, the last second that RFC 3339 can write."""

MAX_LABEL: Final = 127
READABLE: Final = "must show something, and must not change the direction of writing"

_LABEL_KEY = re.compile(r"[A-Za-z0-9._/-]{1,63}")
_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\\\]]+@[^\s@\"(),:;<>\[\\\]]+")


def clean_text(field: str, text: str) -> str:
    """Return a name, trimmed: 1 to 255 code points, no control characters, no surrogates, readable.

    Raises:
        BadRequest: it is none.
    """
    trimmed = text.strip()
    if not 1 <= len(trimmed) <= MAX_NAME:
        raise BadRequest(f"{field} must have 1 to {MAX_NAME} characters, not counting spaces around it.")
    if has_forbidden_characters(trimmed):
        raise BadRequest(f"{field} must not contain control characters or lone surrogates.")
    if not is_readable(trimmed):
        raise BadRequest(f"{field} {READABLE}.")
    return trimmed


def clean_email(field: str, text: str) -> str:
    """Return an e-mail address, trimmed.

    Raises:
        BadRequest: it is none.
    """
    trimmed = text.strip()
    is_short = len(trimmed) <= MAX_EMAIL  # first: what is longer is not looked at
    if not is_short or has_forbidden_characters(trimmed) or _EMAIL.fullmatch(trimmed) is None:
        raise BadRequest(f"{field} must be an e-mail address.")
    if not all(is_readable(part) for part in trimmed.split("@")):
        raise BadRequest(f"{field} must be an e-mail address.")
    return trimmed


def clean_token_lifetime(field: str, value: int | str) -> int:
    """Return a token lifetime in seconds, from seconds or the name of a preset.

    Raises:
        BadRequest: it is neither.
    """
    seconds = TOKEN_LIFETIME_PRESETS.get(value) if isinstance(value, str) else value
    if seconds is None or not MIN_TOKEN_LIFETIME <= seconds <= MAX_TOKEN_LIFETIME:
        presets = ", ".join(TOKEN_LIFETIME_PRESETS)
        raise BadRequest(f"{field} must be {MIN_TOKEN_LIFETIME} to {MAX_TOKEN_LIFETIME} seconds, or one of {presets}.")
    return seconds


def clean_duration(field: str, value: int | str, shortest: int, longest: int) -> int:
    """Return a duration in seconds, from seconds or the name of one.

    Raises:
        BadRequest: it is neither, or not from `shortest` to `longest` seconds.
    """
    seconds = DURATIONS.get(value) if isinstance(value, str) else value
    if seconds is None or not shortest <= seconds <= longest:
        raise BadRequest(f"{field} must be {shortest} to {longest} seconds, or one of {', '.join(DURATIONS)}.")
    return seconds


def clean_moment(field: str, text: str) -> int:
    """Return a time, from RFC 3339, in seconds since 1970-01-01T00:00:00Z.

    Raises:
        BadRequest: it is none.
    """
    try:
        moment = datetime.fromisoformat(text.upper())  # RFC 3339 section 5.6: t and z may be lower case
        seconds = int(moment.timestamp()) if moment.tzinfo is not None else -1
    except (ValueError, OverflowError):
        seconds = -1
    if not 0 <= seconds <= LAST_MOMENT:
        raise BadRequest(f"{field} must be a time such as 2030-01-31T09:30:00Z.")
    return seconds


def ensure_future(field: str, seconds: int, now: float) -> None:
    """Check that a time is in the future.

    Raises:
        BadRequest: it is not.
    """
    if seconds <= now:
        raise BadRequest(f"{field} must be a time in the future.")


def clean_labels(field: str, labels: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return labels, as they are: keys of letters, digits and `._/-`, values without commas and control characters.

    Raises:
        BadRequest: one is none.
    """
    for key, value in labels.items():
        if _LABEL_KEY.fullmatch(key) is None:
            raise BadRequest(f"{field}: a key has 1 to 63 of the characters A-Z a-z 0-9 . _ / -")
        if value is not None:
            clean_label_value(field, value)
    return dict(labels)


def clean_label_value(field: str, value: str) -> str:
    """Return the value of a label, as it is.

    Raises:
        BadRequest: it is none.
    """
    _ensure_label_value(field, value)
    if not is_readable(value):
        raise BadRequest(f"{field}: a value {READABLE}.")
    return value


def clean_label_filter(field: str, text: str) -> tuple[tuple[str, str], ...]:
    """Return the labels that are filtered for, from `key:value,key:value`.

    Raises:
        BadRequest: it is not written like that, or there are more than a client can have.
    """
    pairs = tuple(dict.fromkeys((key, value) for key, _, value in (pair.partition(":") for pair in text.split(","))))
    if len(pairs) > MAX_LABELS or any(_LABEL_KEY.fullmatch(key) is None for key, _ in pairs):
        raise BadRequest(f"{field} must be up to {MAX_LABELS} labels such as env:prod,team:billing.")
    for _, value in pairs:
        _ensure_label_value(field, value)
    return pairs


def clean_products(field: str, names: Iterable[str], known: tuple[str, ...]) -> tuple[str, ...]:
    """Return product names, duplicates dropped.

    Args:
        field: how the caller calls the list.
        names: what was asked for.
        known: what may be granted.

    Raises:
        BadRequest: a name is not among them; the message tells its place and not its text, which might be a secret.
    """
    wanted = tuple(names)
    for index, name in enumerate(wanted):
        if name not in known:
            raise BadRequest(f"{field}[{index}] is not a known product. Known are: {', '.join(known) or 'none'}.")
    return tuple(dict.fromkeys(wanted))


def _ensure_label_value(field: str, value: str) -> None:
    if not 1 <= len(value) <= MAX_LABEL or "," in value or has_forbidden_characters(value):
        raise BadRequest(f"{field}: a value has 1 to {MAX_LABEL} characters, no comma and no control characters.")
