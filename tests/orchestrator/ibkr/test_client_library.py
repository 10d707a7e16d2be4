"""Which client library is used, and what is said where there is none."""

import pytest

from orchestrator.engine import EngineError
from orchestrator.engine.ibkr import client_library
from orchestrator.engine.ibkr.pump import Pump


def test_without_a_library_it_is_said_what_to_install(monkeypatch, rig):
    monkeypatch.setattr(client_library, "IBKR_LIBRARIES", ("a_library_that_nobody_has",))
    monkeypatch.setattr(client_library, "_loaded", [])
    rig.build()
    with pytest.raises(EngineError, match=r"pip install 'trading-orchestrator\[ibkr\]'"):
        rig.engine.connect()


def test_one_of_the_two_is_used():
    pump = Pump()
    pump.prepare()
    assert client_library.library().__name__ in client_library.IBKR_LIBRARIES
    pump.close()
