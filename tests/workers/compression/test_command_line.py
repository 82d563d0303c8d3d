import sys

import pytest

from workers.child_messages import Refusal, parse_line
from workers.compression import __main__ as command_line
from workers.compression.errors import CompressionError


def test_what_an_upload_is_called_cannot_break_the_refusal(capsys):
    def refuse():
        raise CompressionError("custom_layer", "my\0layer caf\udce9", "hint " * 1000)

    assert command_line._guarded(refuse, as_json=True) == 2
    assert isinstance(parse_line(capsys.readouterr().out.encode()), Refusal)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--variant", "app", "not JSON"),
        ("--variant", '["app"]', "no name"),
        ("--variant", '{"max_bytes": 98304}', "no name"),
        ("--variant", '{"name": "../app", "max_bytes": 98304}', "no name"),
        ("--variant", '{"name": "app"}', "budgets are max_bytes"),
        ("--variant", '{"name": "app", "max_byte": 98304}', "budgets are max_bytes"),
        ("--variant", '{"name": "app", "max_bytes": "96KiB"}', "max_bytes must be int"),
        ("--variant", '{"name": "app", "max_macs": true}', "max_macs must be int"),
        ("--variant", '{"name": "app", "max_latency_ms": Infinity}', "at most 1000000"),
        ("--variant", '{"name": "app", "min_top1": -1}', "min_top1 must be float, above 0"),
        ("--variant", '{"name": "app", "min_top1": 90}', "at most 1"),
        ("--sparsity", "2", "not from 0 to 0.95"),
        ("--seed", "-1", "not from 0 to"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_read(monkeypatch, capsys, option, value, said):
    monkeypatch.setattr(
        sys, "argv", ["compression", "compress", "model", "data", "--out", "out", option, value]
    )
    with pytest.raises(SystemExit) as caught:
        command_line.main()
    assert caught.value.code == 2 and said in capsys.readouterr().err
