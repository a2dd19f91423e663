"""What was written comes back to the last bit; what was damaged never comes back changed."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from headway.monitoring.codec import DamagedError, decode, decode_times, encode, encode_times
from headway.monitoring.series import STALE, Floats

shapes = arrays.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12)
any_floats = st.floats(allow_nan=True, allow_infinity=True) | st.just(STALE) | st.just(-0.0)
decimals = st.integers(-(10**9), 10**9).map(lambda n: n / 100) | st.just(STALE)


def bits(values: Floats) -> list[int]:
    return [int(b) for b in np.ascontiguousarray(values).view(np.uint64).reshape(-1)]


@given(arrays.arrays(np.float64, shapes, elements=any_floats))
def test_any_values_come_back_to_the_last_bit(values: Floats) -> None:
    back = decode(encode(values))
    assert back.shape == values.shape
    assert bits(back) == bits(values)


@given(arrays.arrays(np.float64, shapes, elements=decimals))
def test_decimals_with_ends_of_series_among_them_come_back_to_the_last_bit(values: Floats) -> None:
    assert bits(decode(encode(values))) == bits(values)


@given(st.lists(st.integers(0, 2**50), max_size=40, unique=True).map(sorted))
def test_times_come_back(times: list[int]) -> None:
    assert decode_times(encode_times(np.array(times, dtype=np.int64))).tolist() == times


def test_a_counter_costs_about_a_byte_a_sample() -> None:
    steps = np.random.default_rng(1).poisson(20, size=(40, 1440))
    frame = encode(np.cumsum(steps, axis=1).astype(float))
    assert len(frame) < 40 * 1440 * 0.9


def test_one_end_of_a_series_does_not_spoil_a_row_of_whole_numbers() -> None:
    values = np.cumsum(np.ones((10, 1000)), axis=1)
    whole = len(encode(values))
    values[3, 500:] = STALE
    assert len(encode(values)) < whole + 200


def test_what_stays_the_same_costs_next_to_nothing() -> None:
    assert len(encode(np.full((40, 1440), 4.2))) < 600


def frames() -> list[bytes]:
    walk = np.cumsum(np.random.default_rng(2).normal(size=(3, 50)), axis=1)
    whole = np.arange(150.0).reshape(3, 50)
    whole[1, 7] = STALE
    return [encode(walk), encode(whole), encode(np.full((2, 3), math.nan))]


@pytest.mark.parametrize("frame", frames())
def test_a_flipped_bit_is_found_wherever_it_is(frame: bytes) -> None:
    for at in range(len(frame) * 8):
        damaged = bytearray(frame)
        damaged[at // 8] ^= 1 << (at % 8)
        with pytest.raises(DamagedError):
            decode(bytes(damaged))


@pytest.mark.parametrize("frame", frames())
def test_a_torn_frame_is_found_wherever_it_ends(frame: bytes) -> None:
    for size in range(len(frame)):
        with pytest.raises(DamagedError):
            decode(frame[:size])
