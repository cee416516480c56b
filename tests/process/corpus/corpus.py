"""All entries."""

from tests.process.corpus import bodies, connections, fields, offers, request_lines

CORPUS = request_lines.ENTRIES + fields.ENTRIES + bodies.ENTRIES + connections.ENTRIES + offers.ENTRIES
