"""A thread that works on the newest message, so that an executor is never blocked and never falls behind."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

Item = TypeVar("Item")


class NewestWorker(Generic[Item]):
    """Calls `work` on the newest item put; an item that is replaced before its turn is counted in `dropped`.

    Jobs (service calls) run on the same thread, between items and in order, so that the core needs no lock.
    """

    def __init__(self, work: Callable[[Item], None], failed: Callable[[Exception], None]) -> None:
        """`failed` is called with every exception that `work` or a job raises; the thread goes on."""
        self._work, self._failed = work, failed
        self._condition = threading.Condition()
        self._waiting: deque[Item] = deque(maxlen=1)
        self._jobs: deque[Callable[[], None]] = deque()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def start(self) -> None:
        """Start the thread; nothing happens when it runs already."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Let the item in work and the jobs end, then stop the thread; an item still waiting is forgotten."""
        thread = self._thread
        if thread is not None:
            with self._condition:
                self._thread = None
                self._waiting.clear()
                self._condition.notify_all()
            thread.join()

    def put(self, item: Item) -> None:
        """Make `item` the next one; never blocks."""
        with self._condition:
            self.dropped += len(self._waiting)
            self._waiting.append(item)
            self._condition.notify_all()

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` after what is in work; at once, on the caller's thread, when the thread is not running."""
        with self._condition:
            running = self._thread is not None
            if running:
                self._jobs.append(job)
                self._condition.notify_all()
        if not running:
            self._guarded(job)

    def _run(self) -> None:
        me = threading.current_thread()
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._jobs or self._waiting or self._thread is not me)
                if self._jobs:
                    task = self._jobs.popleft()
                elif self._thread is not me:
                    return
                else:
                    task = partial(self._work, self._waiting.popleft())
            self._guarded(task)

    def _guarded(self, task: Callable[[], None]) -> None:
        try:
            task()
        except Exception as error:
            self._failed(error)
