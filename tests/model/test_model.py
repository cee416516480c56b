"""Random requests of three tenants to two nodes of one database, compared with a model in memory step by step.

`CLIENTRY_MODEL_STEPS` says how many steps; `make test-model` takes 100,000 on each engine.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.model.account_rules import AccountRules
from tests.model.client_rules import ClientRules
from tests.model.nodes import Nodes
from tests.model.secret_rules import SecretRules

from clientry.storage import postgres
from clientry.storage.postgres import look_ups
from clientry.storage.sqlite import writer

STEPS = int(os.environ.get("CLIENTRY_MODEL_STEPS", "2000"))
RUN = 50
"""Steps from one empty world to the next."""


class Machine(AccountRules, ClientRules, SecretRules):
    """All that can be asked for."""


@pytest.fixture(params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    """Give two nodes on one database of each engine, in memory where the system has it, and with patience.

    The model tells what the answers are, not how soon they come: that the machine was slow for a second is no difference.
    """
    for timed in (look_ups, postgres, writer):
        monkeypatch.setattr(timed, "TIMEOUT", 60)
    database = request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else None
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.exists() else None) as folder:
        opened = Nodes(Path(folder) / "data", database)
        yield opened
        opened.close()


@pytest.mark.timeout(7200)
def test_every_answer_is_that_of_the_model(nodes: Nodes) -> None:
    """No answer differs from the model's, and none has a word of another tenant in it."""
    Machine.nodes = nodes
    runs = settings(
        max_examples=max(1, STEPS // RUN),
        stateful_step_count=RUN,
        deadline=None,
        derandomize=STEPS < 10_000,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        print_blob=False,
    )
    run_state_machine_as_test(Machine, settings=runs)
