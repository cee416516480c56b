"""What every storage engine must do. An engine's own test file imports these tests and gives a `storage` fixture."""

# ruff: noqa: F403 - the suite is the tests of these files

from tests.storage.conformance.accounts import *
from tests.storage.conformance.clients import *
from tests.storage.conformance.incarnations import *
from tests.storage.conformance.lists import *
from tests.storage.conformance.secrets import *
from tests.storage.conformance.transactions import *
