"""``python -m migrations``: bring the database that the settings name to the newest version."""

from migrations import upgrade
from service.contract.settings import Settings

if __name__ == "__main__":
    upgrade(Settings().database)
