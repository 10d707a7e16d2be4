"""What random scenarios have brought to light, each as small as it could be made."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

Rehearse = Callable[..., Any]

TWO_JOBS = "schedule: {jobs: {scan: {session: open + 10m, command: [scan]}, look: {interval: 5m, command: [look]}}}"


def test_a_clock_that_is_set_back_starves_no_interval_and_repeats_no_moment_of_the_session(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:32", TWO_JOBS, disk=True).until("2026-11-24 09:46")
    daemon.machine.clock.step_wall_clock(timedelta(minutes=-12))
    daemon.until("2026-11-24 09:47")
    twice = [f"24 09:{minute}" for minute in (35, 40, 45, 35, 40, 45)]
    assert [at for at, _ in daemon.runs("heartbeat")] == twice
    assert [at for at, _ in daemon.runs("look")] == twice
    assert daemon.runs("scan") == [("24 09:40", "ok")]
    assert daemon.runs("rebalance") == [("24 09:35", "ok")]
