"""What runs when, and what each job does."""

from jobs.builtin import Errand, JobContext, JobFailed, JobSkipped
from jobs.explain import Explanation, explain
from jobs.runs import JobRun, RunResult
from jobs.spec import JobSpec, JobSpecError, Misfire, Notify, Overlap, check_job, job_specs, parse_job

__all__ = [
    "Errand",
    "Explanation",
    "JobContext",
    "JobFailed",
    "JobRun",
    "JobSkipped",
    "JobSpec",
    "JobSpecError",
    "Misfire",
    "Notify",
    "Overlap",
    "RunResult",
    "check_job",
    "explain",
    "job_specs",
    "parse_job",
]
