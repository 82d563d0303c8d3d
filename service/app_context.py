"""What all use cases share; built once by ``create_app`` and handed on as the first argument."""

from collections.abc import Callable
from dataclasses import dataclass

from service.contract.records import Sessions
from service.contract.settings import Settings
from service.contract.storage import Store
from service.notifier import Notifier
from service.readiness import Readiness
from service.store_threads import HashingThreads, StoreThreads


@dataclass(frozen=True)
class AppContext:
    """Settings, database, store and notifier.

    Work that waits for the store runs in ``store_threads``, and what reads a whole upload in
    ``hashing_threads``. ``delete_soon`` has the scheduled
    deletions run; call it after the commit.
    """

    settings: Settings
    sessions: Sessions
    store: Store
    notifier: Notifier
    readiness: Readiness
    store_threads: StoreThreads
    hashing_threads: HashingThreads
    delete_soon: Callable[[], None]
