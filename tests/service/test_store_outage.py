"""Deletions reach the object store after an outage."""

from pathlib import Path

from service.contract.s3_store import S3Store
from tests.service.store_outage import delete_during_outage
from tests.waiting import eventually


def missing(store: S3Store, key: str) -> bool:
    try:
        store.size(key)
    except FileNotFoundError:
        return True
    return False


def in_the_middle(store: S3Store, keys: list[str]) -> None:
    eventually(lambda: missing(store, keys[0]))
    assert not missing(store, keys[-1])


def test_nothing_is_left_after_the_store_was_killed_in_the_middle_of_a_deletion(
    tmp_path: Path,
) -> None:
    outage = delete_during_outage(tmp_path, in_the_middle)
    assert (outage.open_deletions, outage.objects_left) == (1, 0)
