"""A real service for the client and the command line."""

from tests.service.conftest import embedded, live

__all__ = ["embedded", "live"]
