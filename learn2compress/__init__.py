"""What users import: ``from learn2compress import Client``. The command line is in ``cli``."""

from importlib import import_module
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

_MODULES = {
    "Client": "learn2compress.client",
    "JobSpec": "service.contract.job",
    "VariantBudget": "service.contract.job",
}


def __getattr__(name: str) -> Any:
    # At first use: the command line must be able to handle Ctrl-C before the imports.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES.get(name, "learn2compress.transport")), name)
