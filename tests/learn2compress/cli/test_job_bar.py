"""What a person, a narrow terminal and a log of a build see of a job."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from learn2compress.cli import job_bar
from learn2compress.cli.job_bar import JobBar, note
from tests.waiting import eventually

Shown = Callable[..., io.StringIO]
METRICS = {"large_top1": 0.912, "medium_top1": 0.895, "small_top1": 0.871}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Makes the console of bars write into the returned text, with a terminal of some width."""

    def on(width: int | None = None) -> io.StringIO:
        text = io.StringIO()

        def console(**options: Any) -> Console:
            options = {name: value for name, value in options.items() if name != "stderr"}
            return Console(file=text, force_terminal=width is not None, width=width, **options)

        monkeypatch.setattr(job_bar, "Console", console)
        return text

    return on


def test_at_80_columns_the_bar_stays_and_the_accuracies_are_cut(shown: Shown) -> None:
    text = shown(80)
    with JobBar() as bar:
        bar.show("quantize", 0.5, note(12, 15, METRICS, 3_725))
        bar._bars.refresh()
    (line,) = {
        part
        for part in re.split(r"\r|\n", re.sub(r"\x1b\[[0-9;?]*\w", "", text.getvalue()))
        if "quantize" in part
    }
    assert len(line) <= 80
    assert "━━━" in line and " 50%" in line and "epoch 12/15" in line and "1:02:05 left" in line


def test_without_a_terminal_each_stage_is_a_line(shown: Shown) -> None:
    text = shown()
    with JobBar() as bar:
        for done in (0.1, 0.2):
            bar.show("train", done, note(1, 15, METRICS, None))
        bar.show("export", 0.9)
        bar.show("failed")
    lines = text.getvalue().splitlines()
    stages = [line.split()[1:3] for line in lines]
    assert stages == [["train", "10%"], ["export", "90%"], ["failed", "90%"]]
    assert "epoch 1/15  large 0.912" in lines[0]


def test_without_a_terminal_a_long_stage_is_a_line_per_minute(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_bar, "SECONDS_BETWEEN_LINES", 0.05)
    text = shown()
    with JobBar() as bar:
        bar.show("train", 0.3)
        eventually(lambda: text.getvalue().count("train     30%") >= 3)


def test_a_quiet_bar_shows_nothing(shown: Shown) -> None:
    text = shown()
    with JobBar(quiet=True) as bar:
        bar.show("train", 0.3)
    assert text.getvalue() == ""
