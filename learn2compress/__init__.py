"""What users import: ``from learn2compress import Client``. The command line is in ``cli``."""

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
