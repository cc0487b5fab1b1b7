"""The worker thread: newest wins, what is dropped is counted, nothing stops it."""

from __future__ import annotations

import threading

from isometry.nodes.runtime.worker import NewestWorker

LONG_S = 10.0


class Gate:
    """Work that lasts until it is let through."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.errors: list[Exception] = []
        self.began, self.let_through = threading.Semaphore(0), threading.Semaphore(0)
        self.worker: NewestWorker[int] = NewestWorker(self.work, self.errors.append)

    def work(self, item: int) -> None:
        self.began.release()
        assert self.let_through.acquire(timeout=LONG_S)
        if item < 0:
            raise RuntimeError("negative")
        self.done.append(item)


def test_only_the_newest_waiting_item_is_worked_on() -> None:
    gate = Gate()
    gate.worker.start()
    gate.worker.put(0)
    assert gate.began.acquire(timeout=LONG_S)
    for item in range(1, 6):
        gate.worker.put(item)
    gate.let_through.release(2)
    assert gate.began.acquire(timeout=LONG_S)
    gate.worker.stop()
    assert gate.done == [0, 5]
    assert gate.worker.dropped == 4


def test_a_failure_is_told_and_the_next_item_is_worked_on() -> None:
    gate = Gate()
    gate.worker.start()
    for item in (-1, 7):
        gate.worker.put(item)
        assert gate.began.acquire(timeout=LONG_S)
        gate.let_through.release()
    gate.worker.stop()
    assert gate.done == [7]
    assert [str(error) for error in gate.errors] == ["negative"]


def test_jobs_run_in_order_on_the_same_thread_between_items() -> None:
    gate, order, threads = Gate(), [], set()

    def job(name: str) -> None:
        order.append((name, list(gate.done)))
        threads.add(threading.current_thread().name)

    gate.worker.start()
    gate.worker.put(1)
    assert gate.began.acquire(timeout=LONG_S)
    gate.worker.submit(lambda: job("first"))
    gate.worker.submit(lambda: job("second"))
    gate.let_through.release()
    gate.worker.stop()
    assert order == [("first", [1]), ("second", [1])]
    assert threads == {"worker"}


def test_without_a_thread_jobs_run_at_once_and_items_wait() -> None:
    gate, done = Gate(), []
    gate.worker.submit(lambda: done.append("job"))
    assert done == ["job"]
    gate.worker.put(3)
    gate.let_through.release()
    gate.worker.start()
    assert gate.began.acquire(timeout=LONG_S)
    gate.worker.stop()
    assert gate.done == [3]


def test_stopping_twice_and_starting_again_is_fine() -> None:
    gate = Gate()
    gate.let_through.release(2)
    for item in (1, 2):
        gate.worker.start()
        gate.worker.put(item)
        assert gate.began.acquire(timeout=LONG_S)
        gate.worker.stop()
        gate.worker.stop()
    assert gate.done == [1, 2]
