"""What every use case works with; built once by ``create_app`` and handed on as the first argument."""

from dataclasses import dataclass

from service.bell import Bell
from service.contract.records import Sessions
from service.contract.settings import Settings
from service.contract.storage import Store


@dataclass(frozen=True)
class House:
    settings: Settings
    sessions: Sessions
    store: Store
    bell: Bell
