"""Messages reach the loop from threads, signals and pipes."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from orchestrator.inbox import Inbox


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    made = Inbox()
    yield made
    made.close()


def test_messages_come_out_in_order_and_once(inbox: Inbox) -> None:
    for number in range(3):
        inbox.put(number)
    assert inbox.pending()
    assert inbox.drain() == [0, 1, 2]
    assert not inbox.pending()
    assert inbox.drain() == []


def test_message_of_a_thread_ends_the_wait(inbox: Inbox) -> None:
    thread = threading.Thread(target=inbox.put, args=("hello",))
    thread.start()
    while not inbox.pending():
        inbox.wait(30)
    thread.join()
    assert inbox.drain() == ["hello"]


def test_message_of_a_signal_handler_ends_the_wait(inbox: Inbox) -> None:
    before = signal.signal(signal.SIGUSR2, lambda *_: inbox.put("signal"))
    try:
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR2))
        timer.start()
        while not inbox.pending():
            inbox.wait(30)
        timer.join()
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert inbox.drain() == ["signal"]


def test_watched_descriptor_is_read_when_it_has_something(inbox: Inbox) -> None:
    read, write = os.pipe()
    inbox.watch(read, lambda: inbox.put(os.read(read, 100)))
    inbox.wait(0)
    assert inbox.drain() == []
    os.write(write, b"news")
    inbox.wait(30)
    assert inbox.drain() == [b"news"]
    inbox.unwatch(read)
    os.close(read)
    os.close(write)


def test_full_wake_pipe_loses_no_message(inbox: Inbox) -> None:
    count = 100_000  # more than a pipe holds
    for number in range(count):
        inbox.put(number)
    assert inbox.drain() == list(range(count))
