"""How many servers an endpoint is to have: out with the load, in when it has stayed away, in limits."""

from hypothesis import given
from hypothesis import strategies as st
from mlcloud.provider.local.scaling import Scaler, Scaling

LIMITS = Scaling(least=1, most=5, target=0.5, scale_in_after_s=60)


def looks(scaler: Scaler, load: float, *, first: int, last: int) -> list[int]:
    """Look once a second at servers that answer so many requests between them; what is said each time."""
    return [scaler.look(second, [load]) for second in range(first, last)]


def test_servers_are_added_as_soon_as_the_load_is_seen() -> None:
    scaler = Scaler(LIMITS, 1)
    assert scaler.look(0, [0.4]) == 1
    assert looks(scaler, 2.0, first=1, last=4)[-1] == 4


def test_the_load_of_all_servers_counts() -> None:
    assert Scaler(LIMITS, 2).look(0, [0.5, 0.5, 0.5]) == 3


def test_a_load_just_at_the_target_needs_no_further_server() -> None:
    assert Scaler(LIMITS, 1).look(0, [0.1 + 0.2 + 0.2]) == 1
    assert Scaler(LIMITS, 1).look(0, [0.51]) == 2


def test_a_server_goes_only_when_it_was_not_needed_for_the_whole_time() -> None:
    scaler = Scaler(LIMITS, 1)
    looks(scaler, 2.0, first=0, last=3)
    said = looks(scaler, 0.0, first=3, last=70)
    # The looks at 3 and 4 still have some of the load in their mean.
    assert said[:60] == [4] * 60
    assert said[-1] == 1


def test_a_load_that_swings_starts_and_ends_nothing() -> None:
    scaler = Scaler(LIMITS, 1)
    said = [scaler.look(second, [2.0 if second % 30 < 5 else 0.0]) for second in range(10, 600)]
    assert set(said[25:]) == {4}


def test_the_limits_hold_whatever_the_load() -> None:
    scaler = Scaler(LIMITS, 1)
    assert looks(scaler, 100.0, first=0, last=5)[-1] == 5
    assert looks(scaler, 0.0, first=5, last=200)[-1] == 1


def test_servers_that_are_there_stay_until_the_load_says_otherwise() -> None:
    scaler = Scaler(LIMITS, 3)
    assert scaler.servers == 3
    assert scaler.look(0, [0.0]) == 3
    assert looks(scaler, 0.0, first=1, last=62)[-1] == 1


def test_nothing_changes_while_no_server_answers() -> None:
    scaler = Scaler(LIMITS, 3)
    assert [scaler.look(second, []) for second in range(200)] == [3] * 200


@given(
    st.integers(1, 5),
    st.integers(0, 5),
    st.integers(0, 12),
    st.lists(st.lists(st.floats(0, 1e6), max_size=6), max_size=40),
)
def test_it_never_leaves_its_limits(least: int, more: int, servers: int, loads: list[list[float]]) -> None:
    scaling = Scaling(least=least, most=least + more)
    scaler = Scaler(scaling, servers)
    for second, load in enumerate(loads):
        assert least <= scaler.look(second, load) <= least + more
