"""Random scenarios, run one after the other; what fails is made as small as it can be."""

from orchestrator.rehearsal.chaos.campaign import Campaign, Failure
from orchestrator.rehearsal.chaos.case import Case, draw_case
from orchestrator.rehearsal.chaos.shrinking import shrink

__all__ = ["Campaign", "Case", "Failure", "draw_case", "shrink"]
