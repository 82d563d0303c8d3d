"""What every use case works with; built once by ``create_app`` and handed on as the first argument."""

from dataclasses import dataclass

from service.contract.records import Sessions
from service.contract.settings import Settings
from service.contract.storage import Store
from service.notifier import Notifier


@dataclass(frozen=True)
class AppContext:
    settings: Settings
    sessions: Sessions
    store: Store
    notifier: Notifier
