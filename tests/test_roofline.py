"""What the roofline counts."""

from __future__ import annotations

from benchmarks.roofline import model_sizes, multiply_adds


def test_multiply_adds_are_those_of_the_default_model() -> None:
    assert model_sizes() == (6, 384, 1536)
    weights = 6 * (4 * 384 * 384 + 2 * 384 * 1536)
    assert weights == 10_616_832
    assert multiply_adds(1) == weights + 6 * 2 * 384
    assert multiply_adds(20) == 20 * weights + 6 * 2 * 384 * 20 * 20
