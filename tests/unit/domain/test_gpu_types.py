"""What a word for a kind of GPU means."""

from __future__ import annotations

import pytest

from bot.domain.gpu_types import known_types, matching_models, type_name

A100 = "NVIDIA A100-SXM4-80GB"
A10 = "NVIDIA A10"
L40, L40S = "NVIDIA L40", "NVIDIA L40S"
RTX = "NVIDIA GeForce RTX 4090"
MODELS = (A100, A10, L40, L40S, RTX, "Tesla V100-PCIE-32GB")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("a100", {A100}),
        ("A100-SXM4-80GB", {A100}),
        ("a100_sxm4", {A100}),
        ("80gb", {A100}),
        ("a10", {A10}),
        ("a1", set()),
        ("00", set()),
        ("l40", {L40}),
        ("l40s", {L40S}),
        ("rtx4090", {RTX}),
        ("RTX-4090", {RTX}),
        ("h100", set()),
        ("", set()),
        ("-", set()),
    ],
)
def test_a_word_means_whole_names_and_numbers(wanted: str, found: set[str]) -> None:
    assert matching_models(wanted, MODELS) == found


def test_a_part_of_a_name_will_do_where_nothing_has_the_whole_of_it() -> None:
    assert matching_models("l40", [L40S, A100]) == {L40S}


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (A100, "A100-SXM4-80GB"),
        ("NVIDIA H100 80GB HBM3", "H100-80GB-HBM3"),
        (RTX, "RTX-4090"),
        ("Tesla V100-PCIE-32GB", "V100-PCIE-32GB"),
        ("", "unknown"),
    ],
)
def test_the_name_of_a_type_is_one_word_that_means_it(model: str, name: str) -> None:
    assert type_name(model) == name
    if model:
        assert matching_models(name, [*MODELS, model]) == {model}


def test_known_types_are_named_once() -> None:
    assert known_types([A100, A100, A10]) == ("A10", "A100-SXM4-80GB")
