"""systemd hears that the daemon is up, how it is, that its loop turns, and that it stops."""

import os
import signal
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.status.systemd import ServiceManager

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@pytest.fixture
def listener(tmp_path):
    """Where systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        bound.settimeout(30)
        yield bound


def environment(listener, **more):
    return {"NOTIFY_SOCKET": listener.getsockname(), **more}


def heard(listener):
    """All that has been said."""
    listener.setblocking(False)
    words = []
    while True:
        try:
            words += listener.recv(4096).decode().splitlines()
        except BlockingIOError:
            return words


def test_life_of_a_service_is_told(listener):
    manager = ServiceManager(environment(listener, WATCHDOG_USEC="2000000", WATCHDOG_PID=str(os.getpid())))
    manager.ready()
    manager.alive("trading")
    manager.alive("trading")
    manager.alive("stopped")
    manager.stopping()
    manager.stopping()
    assert manager.before(NOW + timedelta(seconds=5), NOW) == NOW + timedelta(seconds=1)
    assert heard(listener) == [
        *("READY=1", "STATUS=trading", "WATCHDOG=1", "WATCHDOG=1"),
        *("STATUS=stopped", "WATCHDOG=1", "STOPPING=1"),
    ]


@pytest.mark.parametrize(
    "watchdog", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "junk"}, {"WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}]
)
def test_watchdog_that_nobody_asked_for_is_not_fed(listener, watchdog):
    manager = ServiceManager(environment(listener, **watchdog))
    manager.alive("trading")
    assert heard(listener) == ["STATUS=trading"]
    assert manager.before(NOW + timedelta(hours=1), NOW) == NOW + timedelta(hours=1)


def test_without_systemd_nothing_is_told():
    manager = ServiceManager({"WATCHDOG_USEC": "2000000"})
    manager.ready()
    manager.alive("trading")
    assert manager.before(NOW + timedelta(hours=1), NOW) == NOW + timedelta(hours=1)


def test_systemd_that_does_not_listen_harms_nobody(tmp_path, caplog):
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    assert "systemd can't be told READY=1" in caplog.text


def test_abstract_socket_is_found():
    name = f"\0orchestrator-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(name)
        ServiceManager({"NOTIFY_SOCKET": f"@{name[1:]}"}).ready()
        assert bound.recv(100) == b"READY=1"


def next_word(listener, word):
    """Listen until this is said; returns the seconds that took."""
    began = time.monotonic()
    while word not in listener.recv(4096).decode().splitlines():
        pass
    return time.monotonic() - began


def test_daemon_feeds_the_watchdog_by_its_loop(desk, listener):
    desk.configure(schedule={"calendar": "NYSE", "auto_start": False, "jobs": {}})
    desk.environment |= environment(listener, WATCHDOG_USEC="1000000")
    daemon = desk.start()
    next_word(listener, "READY=1")
    for _ in range(3):
        next_word(listener, "WATCHDOG=1")
    os.kill(daemon.pid, signal.SIGSTOP)  # as good as stuck
    heard(listener)
    listener.settimeout(1.5)
    with pytest.raises(TimeoutError):
        next_word(listener, "WATCHDOG=1")
    os.kill(daemon.pid, signal.SIGCONT)
    listener.settimeout(30)
    next_word(listener, "WATCHDOG=1")
    daemon.signal(signal.SIGTERM)
    next_word(listener, "STOPPING=1")
    assert daemon.wait_for_end() == 0


def test_stuck_daemon_that_the_watchdog_ends_shows_where_it_was_and_leaves_nothing(desk, listener):
    desk.environment |= environment(listener, WATCHDOG_USEC="1000000")
    daemon = desk.start_trading()
    daemon.signal(signal.SIGABRT)  # what systemd sends when WATCHDOG=1 stays away
    assert daemon.wait_for_end() == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in daemon.log
    assert 'loop.py", line' in daemon.log or 'clock.py", line' in daemon.log
    desk.wait_for(lambda: not desk.family(), "its engine has gone with it")
    desk.start_trading()


def test_error_while_it_starts_is_told_before_it_is_ready(desk, listener):
    desk.environment |= environment(listener)
    desk.config_path.write_text("mode: maybe", encoding="utf-8")
    assert desk.start().wait_for_end() == 3
    assert heard(listener) == []
