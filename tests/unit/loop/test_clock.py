"""The loop's time never jumps, whatever is done to the machine's clock."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from headway.loop.clock import SLEW, SteadyClock
from headway.testing.world import SimulatedMachineClock


def clock_of(machine: SimulatedMachineClock) -> SteadyClock:
    return SteadyClock(lambda: machine.wall_s, lambda: machine.monotonic_s)


def test_without_interference_it_shows_the_wall_clock() -> None:
    machine = SimulatedMachineClock()
    clock = clock_of(machine)
    machine.run(1000)
    assert clock.now().timestamp() == machine.wall_s


def test_it_comes_back_to_a_wall_clock_that_was_set() -> None:
    machine = SimulatedMachineClock()
    clock = clock_of(machine)
    machine.jump(-60)
    for _ in range(3000):
        machine.run(1)
        clock.now()
    assert abs(clock.now().timestamp() - machine.wall_s) < 0.001


def test_a_monotonic_time_is_shown_on_the_same_scale() -> None:
    machine = SimulatedMachineClock()
    clock = clock_of(machine)
    then = machine.monotonic_s
    machine.run(30)
    assert clock.now() - clock.at(then) == timedelta(seconds=30)


@given(st.lists(st.tuples(st.floats(0.001, 100), st.floats(-1e6, 1e6)), max_size=30))
def test_time_passes_as_it_does_in_truth_within_the_slew(
    story: list[tuple[float, float]],
) -> None:
    machine = SimulatedMachineClock()
    clock = clock_of(machine)
    for passes_s, jumps_s in story:
        before = clock.now()
        machine.jump(jumps_s)
        machine.run(passes_s)
        shown_s = (clock.now() - before).total_seconds()
        assert (1 - SLEW) * passes_s - 1e-4 <= shown_s <= (1 + SLEW) * passes_s + 1e-4
