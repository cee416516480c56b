"""Clientry: an API-client registry and an OAuth 2.0 client-credentials token service."""

__version__ = "0.1.0"
