"""Text that people read: what may not be in it, because it would show nothing, or something that is not there."""

import re
import unicodedata

_FORBIDDEN_CATEGORIES = ("Cc", "Cs")
_SHOWN = re.compile(
    r"[^\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""What is no white space, not ignored where it is shown (Default_Ignorable_Code_Point of Unicode), and no empty Braille pattern."""
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Embeddings, overrides and isolates (Unicode, UAX #9): they have `moc.elpmaxe` read as `example.com`."""


def has_forbidden_characters(text: str) -> bool:
    """Tell whether there are control characters (NUL among them) or lone surrogates in it."""
    return not text.isprintable() and any(
        unicodedata.category(character) in _FORBIDDEN_CATEGORIES for character in text
    )


def is_readable(text: str) -> bool:
    """Tell whether there is something to see in it, and nothing that has it read in another order."""
    return _SHOWN.search(text) is not None and _DIRECTION.search(text) is None
