"""What an engine tells goes over the wire and comes back the same, and shares nothing with the engine."""

import json
from dataclasses import asdict

import pytest

from orchestrator.events import EngineBeat, EngineFailed, EngineReady, EquityMarked, decode, encode

POSITIONS = [{"symbol": "AAPL", "quantity": 10.0, "avg_price": 99.5, "price": None}]

TOLD = [
    EngineReady("paper"),
    EngineBeat(True, {"steps": 3, "last_data_at": "2026-11-24T15:00:00+00:00", "open": ["a", "b"]}),
    EngineFailed("no route", "unreachable"),
    EquityMarked("2026-11-24T15:00:00+00:00", 100_000.5, 5.0, 0.01, POSITIONS),
]


@pytest.mark.parametrize("event", TOLD, ids=lambda event: type(event).__name__)
def test_event_comes_back_the_same_over_the_wire(event):
    message = encode(event)
    assert message == {"event": type(event).__name__, **asdict(event)}
    assert decode(json.loads(json.dumps(message))) == event


def test_message_does_not_change_with_the_engine():
    progress, positions = {"steps": 1, "open": ["a"]}, [dict(POSITIONS[0])]
    beat, mark = encode(EngineBeat(True, progress)), encode(EquityMarked("2026-11-24", 1.0, 1.0, 0.0, positions))
    progress["steps"] = 2
    progress["open"].append("b")
    positions[0]["quantity"] = 0.0
    assert beat["progress"] == {"steps": 1, "open": ["a"]}
    assert mark["positions"] == POSITIONS


def test_fields_of_a_later_version_are_left_out_and_what_is_missing_is_an_error():
    assert decode({"event": "EngineReady", "detail": "x", "colour": "blue"}) == EngineReady("x")
    with pytest.raises(ValueError, match=r"EngineBeat: .*connected"):
        decode({"event": "EngineBeat"})
    with pytest.raises(ValueError, match=r"no such event: 'Noise'"):
        decode({"event": "Noise"})
