"""Foreign engines, good and bad; copied beside the config of a desk and named there as ``engines:Class``."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).parent


def note(text):
    with open(HERE / "notes.txt", "a", encoding="utf-8") as file:
        file.write(f"{text}\n")


def first_time():
    """Whether no engine of this folder has asked before."""
    try:
        (HERE / "asked").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def bear_stubborn_child():
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('born', flush=True); signal.pause()"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    child.stdout.readline()


def block():
    threading.Event().wait()


class Diary:
    """Writes down what is asked of it."""

    laps = 0

    def connect(self):
        note("connect")
        return True

    def start(self, symbols):
        note(f"start {' '.join(symbols)}")
        return True

    def stop(self):
        note("stop")

    def disconnect(self):
        note("disconnect")

    def is_connected(self):
        return True

    def progress(self):
        self.laps += 1
        return {"laps": self.laps}


class WithChild(Diary):
    def start(self, symbols):
        bear_stubborn_child()
        return super().start(symbols)


class NeverConnects(Diary):
    def connect(self):
        bear_stubborn_child()
        note("connecting")
        block()


class NeverStops(WithChild):
    """Nor does it hear SIGTERM."""

    def start(self, symbols):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return super().start(symbols)

    def stop(self):
        note("stopping")
        block()


class HangsOnce(WithChild):
    def is_connected(self):
        if first_time():
            block()
        return True


class Hangs(WithChild):
    def is_connected(self):
        note("hanging")
        block()


class RefusesToConnect(Diary):
    def connect(self):
        raise ConnectionRefusedError("the gateway is asleep")


class DiesAtOnce(Diary):
    def connect(self):
        os._exit(7)


class DiesWhenStopped(Diary):
    def stop(self):
        os._exit(3)
