"""The whole: channels and broker, isolation and deadlines, and that nothing is changed."""

import json
import os
import socket
import threading

import pytest

from orchestrator.cli.doctor import doctor
from orchestrator.doctor import Checkup
from orchestrator.doctor.checkup import Check
from orchestrator.doctor.findings import ok
from orchestrator.doctor.outside import broker, looks_at_channels


def channels(ward, **more):
    """Result and text by channel."""
    patient = ward.patient(**more)
    found = [finding for _, look in looks_at_channels(patient) for finding in look(patient)]
    return {finding.check: (finding.result, finding.detail) for finding in found}


def test_channels_that_are_configured(ward):
    ward.configure(notifications={"channels": ["console", "webhook"], "webhook_url": "https://example.org/secret"})
    found = channels(ward)
    assert {name: result for name, (result, _) in found.items()} == {"channel console": "ok", "channel webhook": "ok"}
    assert "secret" not in str(found)


@pytest.mark.parametrize("notifications", [{"enabled": False}, {"channels": []}, {"alert_levels": []}])
def test_nobody_who_is_told(ward, notifications):
    ward.configure(notifications=notifications)
    assert channels(ward)["channels"][0] == "warn"


def test_test_message_that_does_not_arrive(ward):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    url = f"http://127.0.0.1:{port}/verysecret"
    ward.configure(notifications={"channels": ["webhook"], "webhook_url": url})
    found = channels(ward, send=True)
    assert found["channel webhook"][0] == "fail"
    assert "verysecret" not in str(found)


def test_paper_broker(ward):
    assert ward.look(broker) == [("ok", "paper: its account is in the database")]


def test_broker_of_the_user_s(ward):
    (ward.folder / "mine.py").write_text("class Broker: ...\n")
    ward.configure(broker={"broker_type": "mine:Broker"})
    assert ward.one(broker).result == "ok"


def test_gateway_that_is_not_there(ward):
    pytest.importorskip("ib_insync")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    ward.configure(broker={"broker_type": "ibkr", "port": port})
    found = list(broker(ward.patient(patience=0.5)))
    assert any(each.result == "fail" for each in found)


# --- one after the other, each by itself ---


def test_check_that_raises_is_a_finding_and_the_others_go_on(ward):
    def broken(patient):
        yield ok("broken", "this much was seen")
        raise OSError(5, "Input/output error")

    checkup = Checkup(ward.patient(), (Check("broken", broken), Check("good", lambda _: [ok("good", "fine")])))
    found = [(each.check, each.result, each.detail) for each in checkup.run()]
    assert found[:3] == [
        ("broken", "ok", "this much was seen"),
        ("broken", "fail", "it can't be looked at: [Errno 5] Input/output error"),
        ("good", "ok", "fine"),
    ]
    assert checkup.failed


def test_check_that_hangs_is_left_behind(ward):
    ended = threading.Event()
    hanging = Check("hanging", lambda _: ended.wait() or [], seconds=0.01)
    checkup = Checkup(ward.patient(), (hanging, Check("good", lambda _: [ok("good", "fine")])))
    found = list(checkup.run())
    ended.set()
    assert (found[0].result, found[0].detail) == ("fail", "there was no answer within 0.01 s")
    assert found[1].detail == "fine"


def test_all_is_well_and_nothing_is_changed(ward, history, tree):
    history.write_meta("status", {"at": ward.now.isoformat(), "engine": {"state": "stopped"}})
    before = tree()
    found = list(Checkup(ward.patient()).run())
    assert [each for each in found if each.result == "fail"] == []
    assert len(found) > 15
    assert tree() == before


def sabotage_nothing(ward):
    """A first start."""


def sabotage_config(ward):
    ward.config_path.write_text("mode: [")


def sabotage_names(ward):
    ward.config_path.write_text("schedule: {timezone: Mars/Base, calendar: NASDUCK, jobs: {x: 7}}\nmode: {a: 1}\n")


def sabotage_bytes(ward):
    ward.config_path.write_bytes(b"\xff\xfe\x00garbage")


def sabotage_folder(ward):
    ward.config_path.unlink()
    ward.config_path.mkdir()


def sabotage_store(ward):
    ward.store_path.parent.mkdir()
    ward.store_path.write_bytes(b"no database" * 100)


def sabotage_state(ward):
    (ward.folder / ".orchestrator").write_text("a file")


@pytest.mark.parametrize(
    ("sabotage", "code"),
    [
        (sabotage_nothing, 0),
        (sabotage_config, 1),
        (sabotage_names, 1),
        (sabotage_bytes, 1),
        (sabotage_folder, 1),
        (sabotage_store, 1),
        (sabotage_state, 1),
    ],
)
def test_command_works_whatever_is_broken(ward, workplace, tree, sabotage, code, monkeypatch):
    (ward.folder / "config.paper.yaml").unlink()
    sabotage(ward)
    os.rename(ward.config_path, ward.folder / "config.paper.yaml")
    before = tree()
    done = workplace.run(doctor, "--json")
    found = done.document
    assert (done.code, done.err) == (code, "")
    assert {tuple(each) for each in found} == {("check", "result", "detail", "remedy")}
    assert {each["result"] for each in found} <= {"ok", "warn", "fail"}
    assert any(each["result"] == "fail" for each in found) == (code == 1)
    assert all(each["remedy"] for each in found if each["result"] != "ok")
    assert tree() == before


def test_text_has_a_line_for_each_and_the_remedy_below(workplace):
    done = workplace.run(doctor)
    assert done.code == 0
    assert "ok    config           config.paper.yaml: mode paper, broker paper\n" in done.out
    assert "warn  daemon           none runs\n                       start it: orchestrator start\n" in done.out
    assert json.loads(workplace.run(doctor, "--json").out)[0]["check"] == "config"
