"""The machine: clock, zones, calendar, service manager."""

import os
import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.doctor import machine
from orchestrator.doctor.machine import calendar, clock, service_manager, time_zones


def test_calendar_that_is_known_well_ahead(ward):
    found = ward.one(calendar)
    assert found.result == "ok"
    assert "NYSE: regular session 09:30-16:00; 27" in found.detail


def test_calendar_whose_library_is_old(ward):
    ward.now = datetime(2029, 6, 1, 12, tzinfo=UTC)
    found = ward.one(calendar)
    assert (found.result, "installed" in found.detail) == ("warn", True)
    assert found.remedy.startswith("pip install --upgrade holidays; ")


def test_calendar_that_ends(ward):
    ward.now = datetime(2100, 6, 1, 12, tzinfo=UTC)
    found = ward.one(calendar)
    assert (found.result, found.remedy) == ("fail", "pip install --upgrade holidays")


def test_clock_that_was_lost(ward):
    ward.now = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
    assert ward.one(clock).detail == "it says 1970-01-01 00:05 UTC"


def test_clock_that_agrees_with_the_files(ward, history):
    assert ward.one(clock).result == "ok"


def test_clock_that_was_set_back(ward, history):
    ward.now -= timedelta(hours=1)
    found = ward.one(clock)
    assert (found.result, "files were written at 2026-11-24 15:00 UTC" in found.detail) == ("warn", True)


def test_time_zones_by_rules_of_these_years(ward):
    ward.configure(schedule={"timezone": "Europe/Berlin"})
    found = ward.one(time_zones)
    assert found.result == "ok"
    assert found.detail.startswith("America/New_York, Europe/Berlin, by the rules of 20")


def test_time_zones_by_old_rules(ward, tmp_path, monkeypatch):
    (tmp_path / "tzdata.zi").write_text("# version 2019c\n")
    monkeypatch.setattr(machine, "TZPATH", (str(tmp_path),))
    found = ward.one(time_zones)
    assert (found.result, "by the rules of 2019c" in found.detail) == ("warn", True)


def test_without_rules_of_the_system_those_of_the_package_count(ward, monkeypatch):
    monkeypatch.setattr(machine, "TZPATH", ())
    assert "by the rules of 20" in ward.one(time_zones).detail


def test_time_zone_that_is_not_there_is_an_error_of_the_check(ward, monkeypatch):
    def gone(key: str) -> None:
        raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}")

    monkeypatch.setattr(machine, "ZoneInfo", gone)
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError):
        ward.one(time_zones)


def test_unit_that_is_installed(ward):
    (ward.folder / "trading-orchestrator.service").write_text("")
    units = (("systemd", str(ward.folder), "*orchestrator*.service"),)
    (found,) = service_manager(ward.patient(), units)
    assert (found.result, found.detail) == ("ok", f"systemd: {ward.folder / 'trading-orchestrator.service'}")


@pytest.mark.skipif(os.path.exists("/.dockerenv"), reason="a container has a restart policy of its own")
def test_nobody_who_starts_it(ward):
    (found,) = service_manager(ward.patient(), ())
    assert found.result == "warn"


def test_container_is_told_of_its_restart_policy(ward, monkeypatch):
    monkeypatch.setattr(machine.Path, "exists", lambda path: True)
    (found,) = service_manager(ward.patient(), ())
    assert "restart policy" in found.detail
