import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from resnet_demo.cache import kept


def test_a_thing_is_made_once_however_many_ask() -> None:
    made, all_asked = [], threading.Barrier(4)

    def make(key: str) -> str:
        made.append(key)
        return key

    get = kept(make, len, 10)

    def ask(_: int) -> str:
        all_asked.wait(10)
        return get("abc")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == ["abc"] * 4
    assert made == ["abc"]


def test_others_do_not_wait_for_a_slow_one() -> None:
    go_on = threading.Event()
    get = kept(lambda key: key if key == "quick" else go_on.wait(10), lambda thing: 1, 10)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(get, "slow")
        assert get("quick") == "quick" and not slow.done()
        go_on.set()
        assert slow.result(10) is True


def test_the_least_used_goes_first() -> None:
    get = kept(lambda key: key, len, 6)
    for key in ("aa", "bb", "cc", "aa", "dd"):
        get(key)
    assert set(get.cache) == {"cc", "aa", "dd"}


def test_a_failure_is_told_and_tried_again() -> None:
    answers = iter([ValueError("no"), "yes"])

    def make(_: str) -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    get = kept(make, len, 10)
    with pytest.raises(ValueError, match="no"):
        get("x")
    assert get("x") == "yes"
