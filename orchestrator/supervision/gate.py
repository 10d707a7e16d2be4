"""What must be in order before an engine may start: looked at before every start, and again until it is."""

from datetime import datetime

from orchestrator.config import HealthConfig

__all__ = ["refusal"]


def refusal(now: datetime, earliest: datetime, health: HealthConfig, free_mb: float, unwritable: str) -> str:
    """Everything for which no engine may be started now, in words; empty if one may.

    :param earliest: what only a clock that is wrong says an earlier time than.
    :param free_mb: free space in the folder of the store, in MB.
    :param unwritable: why the store can't be written, if so: an order that can't be written down is not sent.
    """
    found = []
    if now < earliest:
        found.append(f"the clock of this machine says {now:%Y-%m-%d}; set it")
    if free_mb < health.min_free_disk_mb:
        found.append(
            f"{free_mb:.0f} MB of disk are free, less than health.min_free_disk_mb {health.min_free_disk_mb:g}; "
            "make room"
        )
    if unwritable:
        found.append(f"the store can't be written: {unwritable}")
    return "; ".join(found)
