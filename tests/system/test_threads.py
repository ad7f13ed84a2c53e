import threading

from pixace.system.threads import in_order
from tests.tools.patience import PATIENCE


def test_results_come_in_the_order_of_the_items_whichever_is_ready_first():
    second_is_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second_is_done.wait(PATIENCE)  # or else nothing runs side by side
        if number == 1:
            second_is_done.set()
        return number * 10

    assert list(in_order(work, range(200))) == [*range(0, 2000, 10)]


def test_items_are_taken_a_few_at_a_time():
    items = iter(range(10_000))
    results = in_order(lambda item: item, items)
    assert next(results) == 0
    assert next(items) < 1000
    results.close()
