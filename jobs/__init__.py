"""What runs when, and what each job does."""

from jobs.builtin import JobContext, JobFailed, JobSkipped
from jobs.runs import JobRun, RunResult
from jobs.spec import JobSpec, JobSpecError, Misfire, Notify, check_job, job_specs, parse_job

__all__ = [
    "JobContext",
    "JobFailed",
    "JobRun",
    "JobSkipped",
    "JobSpec",
    "JobSpecError",
    "Misfire",
    "Notify",
    "RunResult",
    "check_job",
    "job_specs",
    "parse_job",
]
