from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.keys.longdivision import remainder


@given(st.integers(0, 2**400), st.integers(1, 2**200))
def test_short_numbers_have_the_remainder_python_says(number, divisor):
    assert remainder(number, divisor) == number % divisor


@pytest.mark.parametrize(
    ("above", "below"), [(40_000, 17_000), (100_001, 33_333), (200_000, 99_999), (70_000, 69_000), (150_000, 20_001)]
)
@pytest.mark.parametrize("shape", ["random", "ones", "sparse"])
def test_long_numbers_have_the_remainder_python_says(above, below, shape):
    random = Random(above)
    number, divisor = random.getrandbits(above) | 1 << above - 1, random.getrandbits(below) | 1 << below - 1
    if shape == "ones":
        number, divisor = (1 << above) - 1, (1 << below) - 1
    elif shape == "sparse":
        number, divisor = (1 << above) - 1, 1 << below - 1 | 1
    assert remainder(number, divisor) == number % divisor
