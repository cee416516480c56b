"""Failed client authentication: whatever the cause, one answer at one time, so that nobody learns which it was."""

import statistics
import time
from urllib.parse import urlencode

from tests.support.registry import Credentials, Registry
from tests.support.wire import FORM, TOKEN_PATH, Wire, ask_token, basic, refused

GRANT = "grant_type=client_credentials"


def failures(registry: Registry, client: Credentials) -> dict[str, Credentials]:
    """Return credentials that fail, by cause."""
    disabled, deleted = registry.create(), registry.create()
    registry.update(disabled.client_id, enabled=False)
    registry.delete(deleted.client_id)
    swapped = client.client_secret[:-1] + ("0" if client.client_secret[-1] != "0" else "1")
    return {
        "unknown client": client._replace(client_id="apiclient_" + "0" * 26),
        "no id at all": client._replace(client_id="nobody"),
        "id in capitals": client._replace(client_id=client.client_id.upper()),
        "wrong secret": client._replace(client_secret=disabled.client_secret),
        "mistyped secret": client._replace(client_secret=swapped),
        "truncated secret": client._replace(client_secret=client.client_secret[:-7]),
        "no secret": client._replace(client_secret=""),
        "disabled client": disabled,
        "disabled client, wrong secret": disabled._replace(client_secret=client.client_secret),
        "deleted client": deleted,
    }


def test_t13_every_failed_authentication_looks_the_same(registry: Registry, client: Credentials) -> None:
    """Unknown, wrong, mistyped, disabled, deleted: byte for byte one answer, in the body and in Basic."""
    causes = failures(registry, client)
    replies = [ask_token(registry.url, wrong.form) for wrong in causes.values()]
    replies += [ask_token(registry.url, GRANT.encode(), [basic(*wrong)]) for wrong in causes.values()]
    refused(replies[0], 401, "invalid_client")
    assert {repr(reply.steady) for reply in replies} == {repr(replies[0].steady)}
    assert ask_token(registry.url, client.form).status == 200


def test_t13_every_failed_authentication_lasts_the_same(registry: Registry, client: Credentials) -> None:
    """The causes, asked in turn, are answered at one deadline: their medians lie within a millisecond."""
    names = ("unknown client", "wrong secret", "disabled client", "no id at all")
    failing = failures(registry, client)
    causes = {name: urlencode(failing[name].form).encode() for name in names}
    # A machine with other work blurs one series; what can really be told apart is so in every series.
    series = (median_seconds(registry.url, causes) for _ in range(3))
    medians = next((medians for medians in series if max(medians.values()) - min(medians.values()) < 0.001), None)
    assert medians is not None
    assert min(medians.values()) >= 0.009, medians


def median_seconds(url: str, causes: dict[str, bytes]) -> dict[str, float]:
    """Return how long the answer to each form takes, asked in turn over one connection."""
    seconds: dict[str, list[float]] = {name: [] for name in causes}
    with Wire(url) as wire:
        for _ in range(60):
            for name, form in causes.items():
                started = time.perf_counter()
                wire.send("POST", TOKEN_PATH, [("Content-Type", FORM)], form)
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) for name, taken in seconds.items()}
