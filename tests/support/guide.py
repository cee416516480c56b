"""The examples of the guide for resource servers, and the tokens that they are tried with."""

import re
from pathlib import Path
from typing import Final

from tests.support.registry import Credentials, Registry, access_token

GUIDE: Final = Path(__file__).parents[2] / "docs" / "how-to" / "check-tokens-in-your-api.md"
PLACEHOLDER: Final = "http://127.0.0.1:8080"


def example(language: str, issuer: str) -> str:
    """Return the guide's only example in a language, word for word but for the issuer."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert PLACEHOLDER in block
    return block.replace(PLACEHOLDER, issuer)


def tokens(registry: Registry, client: Credentials) -> dict[str, int]:
    """Return tokens, each with the status that a server of the product SuperSIM owes it. `client`: holds every product."""
    good = access_token(registry.url, client)
    forged = good.rpartition(".")[0] + "." + access_token(registry.url, client).rpartition(".")[2]
    foreign = access_token(registry.url, registry.create(products=("ProgrammableWireless",)))
    narrowed = access_token(registry.url, client, "ProgrammableWireless")
    return {good: 200, forged: 401, good[:-9]: 401, "nonsense": 401, "a.b.c": 401, foreign: 401, narrowed: 401}
