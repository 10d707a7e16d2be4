"""Child processes: real ones, killed for real."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inbox import Inbox
from orchestrator.processes.child import Child, _parse

NOW = datetime(2026, 11, 24, tzinfo=UTC)

TALKER = """
import json, os, sys
out = os.fdopen(int(sys.argv[1]), "w", buffering=1)
for line in sys.stdin:
    command = json.loads(line)
    if command == {"do": "end"}:
        break
    print(json.dumps({"heard": command}), file=out)
sys.exit(7)
"""

STUBBORN = """
import os, signal, sys, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
os.write(int(sys.argv[1]), b'{"grandchild": %d}\\n' % grandchild.pid)
signal.pause()
"""


class Ear:
    """Hears one child."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.code: int | None = None

    def receive(self, message: Any, now: datetime) -> None:
        self.messages.append(message)

    def ended(self, code: int, now: datetime) -> None:
        self.code = code


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    made = Inbox()
    yield made
    made.close()


def pump(inbox: Inbox, until: Callable[[], bool]) -> None:
    for _ in range(1000):
        for message in inbox.drain():
            message.handle(NOW)
        if until():
            return
        inbox.wait(30)
    raise AssertionError("it never happened")


def python(inbox: Inbox, ear: Ear, code: str, **options: Any) -> Child:
    return Child(inbox, ear, [sys.executable, "-c", code, "{fd}"], **options)


def gone(pid: int) -> bool:
    """Whether a process is dead; one that only waits for its parent to look is."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_child_is_talked_to_and_heard(inbox: Inbox) -> None:
    ear = Ear()
    child = python(inbox, ear, TALKER)
    child.send({"number": 1})
    child.send({"text": "zwölf"})
    pump(inbox, lambda: len(ear.messages) == 2)
    child.send({"do": "end"})
    pump(inbox, lambda: ear.code is not None)
    assert ear.messages == [{"heard": {"number": 1}}, {"heard": {"text": "zwölf"}}]
    assert ear.code == 7


def test_death_is_heard_after_the_last_words(inbox: Inbox) -> None:
    ear = Ear()
    python(inbox, ear, "import os, sys; os.write(int(sys.argv[1]), b'1\\n2\\n'); os.kill(os.getpid(), 9)")
    pump(inbox, lambda: ear.code is not None)
    assert (ear.messages, ear.code) == ([1, 2], -signal.SIGKILL)


def test_kill_takes_grandchildren_along(inbox: Inbox) -> None:
    ear = Ear()
    child = python(inbox, ear, STUBBORN)
    pump(inbox, lambda: bool(ear.messages))
    grandchild = ear.messages[0]["grandchild"]
    child.terminate()
    assert not gone(child.pid), "it ignores SIGTERM"
    child.kill()
    pump(inbox, lambda: ear.code is not None)
    assert ear.code == -signal.SIGKILL
    _wait_until_gone(inbox, grandchild)


def test_orphans_of_a_child_that_ended_by_itself_are_killed(inbox: Inbox) -> None:
    code = (
        "import os, sys, subprocess\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
        "os.write(int(sys.argv[1]), b'%d\\n' % p.pid)\n"
        "os._exit(0)"
    )
    ear = Ear()
    python(inbox, ear, code)
    pump(inbox, lambda: ear.code is not None)
    assert ear.code == 0
    _wait_until_gone(inbox, ear.messages[0])


def _wait_until_gone(inbox: Inbox, pid: int) -> None:
    for _ in range(200):
        if gone(pid):
            return
        inbox.wait(0.02)
    raise AssertionError(f"process {pid} is still there")


def test_child_that_does_not_read_does_not_block_us(inbox: Inbox) -> None:
    ear = Ear()
    child = python(inbox, ear, "import signal; signal.pause()")
    for _ in range(300):
        child.send({"text": "x" * 1000})  # together more than a pipe holds
    child.close()
    assert gone(child.pid)


def test_close_kills_and_leaves_no_descriptor_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    inbox = Inbox()
    child = python(inbox, Ear(), TALKER)
    child.close()
    child.close()
    child.send({"late": True})
    inbox.close()
    assert gone(child.pid)
    assert len(os.listdir("/proc/self/fd")) == before


def test_line_that_is_no_json_arrives_as_text(inbox: Inbox) -> None:
    ear = Ear()
    python(inbox, ear, "import os, sys; os.write(int(sys.argv[1]), b'oops\\n{\"a\": 1}\\npartial')")
    pump(inbox, lambda: ear.code is not None)
    assert ear.messages == ["oops", {"a": 1}]


def test_captured_output_is_raw_text_of_both_streams(inbox: Inbox) -> None:
    ear = Ear()
    code = "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)"
    Child(inbox, ear, [sys.executable, "-c", code], capture=True)
    pump(inbox, lambda: ear.code is not None)
    assert ("".join(ear.messages), ear.code) == ("out\nerr\n", 3)


def test_command_that_does_not_exist_raises_and_leaks_nothing() -> None:
    before = len(os.listdir("/proc/self/fd"))
    inbox = Inbox()
    with pytest.raises(FileNotFoundError):
        Child(inbox, Ear(), ["/no/such/program"])
    inbox.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_pidfd_the_end_of_the_pipe_is_the_end(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    ear = Ear()
    child = python(inbox, ear, TALKER)
    child.send({"do": "end"})
    pump(inbox, lambda: ear.code is not None)
    assert gone(child.pid)


def test_half_a_letter_in_a_message_becomes_a_question_mark_and_a_whole_one_stays():
    assert _parse(rb'{"reason": "no such file: caf\udce9.csv", "ok": "\ud83d\ude80 \u00e9"}') == {
        "reason": "no such file: caf?.csv",
        "ok": "\N{ROCKET} \N{LATIN SMALL LETTER E WITH ACUTE}",
    }
