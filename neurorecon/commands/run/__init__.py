"""Many stacks: which are done already, which are not, and what became of each."""

from neurorecon.commands.run.batch import Outcome, run_batch
from neurorecon.commands.run.job import Job, content_hash, name_jobs
from neurorecon.commands.run.summary import write_summary

__all__ = ["Job", "Outcome", "content_hash", "name_jobs", "run_batch", "write_summary"]
