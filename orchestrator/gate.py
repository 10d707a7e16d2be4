"""What must be in order before an engine may start: looked at before every start, and again until it is."""

from datetime import UTC, datetime

from orchestrator.config import HealthConfig

__all__ = ["refusal"]

RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
"""A machine that has lost its clock says an earlier time than this."""


def refusal(now: datetime, health: HealthConfig, free_mb: float, unwritable: str) -> str:
    """Why no engine may be started now, in words; empty if one may.

    :param free_mb: free space in the folder of the store, in MB.
    :param unwritable: why the store can't be written, if so: an order that can't be written down is not sent.
    """
    if now < RELEASED:
        return f"the clock of this machine says {now:%Y-%m-%d}; set it"
    if free_mb < health.min_free_disk_mb:
        return (
            f"{free_mb:.0f} MB of disk are free, less than health.min_free_disk_mb {health.min_free_disk_mb:g}; "
            "make room"
        )
    if unwritable:
        return f"the store can't be written: {unwritable}"
    return ""
