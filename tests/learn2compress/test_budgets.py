"""``--variant``: what is understood, and what is said of the rest."""

from typing import Any

import pytest
import typer
from pydantic import ValidationError

from learn2compress import budgets
from service.contract.job import JobSpec


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("small:max_bytes=98304,min_top1=0.88", {"max_bytes": 98_304, "min_top1": 0.88}),
        ("small:max_bytes=96KiB", {"max_bytes": 98_304}),
        ("small:max_bytes=300KB", {"max_bytes": 300_000}),
        ("small:max_bytes=1.5mb", {"max_bytes": 1_500_000}),
        ("small:max_macs=15M", {"max_macs": 15_000_000}),
        (
            "small:max_macs=.5G,max_latency_ms=2.5ms",
            {"max_macs": 500_000_000, "max_latency_ms": 2.5},
        ),
        ("small:max_latency_ms=300us", {"max_latency_ms": 0.3}),
        ("small:min_top1=57%", {"min_top1": 0.57}),
        ("small:min_top3=57%,min_top5=.6", {"min_top3": 0.57, "min_top5": 0.6}),
        (" small : max_bytes = 96 KiB , max_macs = 7 ,", {"max_bytes": 98_304, "max_macs": 7}),
    ],
)
def test_a_variant_reads_as_it_is_written(word: str, expected: dict[str, Any]) -> None:
    (variant,) = JobSpec.model_validate({"variants": [budgets.parse(word)]}).variants or ()
    assert variant.model_dump(exclude_none=True) == {"name": "small", **expected}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("small", "NAME:BUDGET=NUMBER"),
        ("max_bytes=3", "NAME:BUDGET=NUMBER"),
        (
            "small:max_bits=3",
            "'max_bits' is not a budget; there are max_bytes, max_macs, max_latency_ms, min_top1",
        ),
        ("small:max_bytes", "max_bytes='' is not a number"),
        ("small:max_bytes=lots", "KiB"),
        ("small:max_bytes=3ms", "KiB"),
        ("small:max_macs=-1", "'-1' is not a number"),
        ("small:min_top1=nan", "%"),
        ("small:max_bytes=1,max_bytes=2", "max_bytes is listed twice"),
    ],
)
def test_nonsense_is_a_usage_error_that_says_what_would_be_none(word: str, said: str) -> None:
    with pytest.raises(typer.BadParameter) as refusal:
        budgets.parse(word)
    assert said in refusal.value.message and budgets.EXAMPLE in refusal.value.message


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["small:"], "variants.0"),
        (["Small:max_bytes=1"], "variants.0.name"),
        (["small:min_top1=88"], "variants.0.min_top1"),
        (["small:max_bytes=0"], "variants.0.max_bytes"),
        (["small:max_bytes=0.3"], "variants.0.max_bytes"),
        (["small:max_bytes=1", "small:max_bytes=2"], "variants"),
    ],
)
def test_what_reads_well_but_means_nothing_is_refused_where_it_stands(
    words: list[str], place: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        JobSpec.model_validate({"variants": [budgets.parse(word) for word in words]})
    assert ".".join(map(str, refusal.value.errors()[0]["loc"])) == place
