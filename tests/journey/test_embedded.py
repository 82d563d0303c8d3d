"""The whole way in the embedded mode."""

from pathlib import Path

from service.contract.settings import Settings
from tests.journey.journey import SERVE, check, client, compress, process
from tests.server_processes import free_port


def test_a_job_goes_the_whole_way_in_the_embedded_mode(example: Path, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, port=free_port())
    with process(settings, *SERVE), client(settings) as api:
        check(api, compress(api, example))
    assert list(settings.work_dir.iterdir()) == []
