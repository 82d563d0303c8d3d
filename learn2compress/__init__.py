"""What users import: ``from learn2compress import Client``. The command line is in ``cli``."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from learn2compress.client import Client
    from learn2compress.transport import ClientError, ConnectionFailed, DamagedDownload, Refused
    from service.contract.job import JobSpec, VariantBudget

__all__ = [
    "Client",
    "ClientError",
    "ConnectionFailed",
    "DamagedDownload",
    "JobSpec",
    "Refused",
    "VariantBudget",
]


def __getattr__(name: str) -> Any:
    # At first use: the command line must be able to handle Ctrl-C before the imports.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from learn2compress import client, transport
    from service.contract import job

    module = next(each for each in (client, transport, job) if hasattr(each, name))
    return getattr(module, name)
