"""Runs of long jobs, whose rows in the database are the only locks: asked for, begun once, ended truly.

A job is a name in a registry (`Work`). Somebody asks for a run of it; who performs it, a worker or a command, wins the
row by a conditional update, tells how far it is, and ends it. A run that shows no sign of life is told as cut off.
"""

from portal.operations.runs.asking import ask, drop_overdue, due, forget
from portal.operations.runs.ending import cut_off, fail, finish
from portal.operations.runs.holding import STALE, begin, holder, notice_cut_off
from portal.operations.runs.performing import perform, perform_due
from portal.operations.runs.progress import GivenUp, Progress
from portal.operations.runs.work import Outcome, Registry, Work

__all__ = [
    "STALE",
    "GivenUp",
    "Outcome",
    "Progress",
    "Registry",
    "Work",
    "ask",
    "begin",
    "cut_off",
    "drop_overdue",
    "due",
    "fail",
    "finish",
    "forget",
    "holder",
    "notice_cut_off",
    "perform",
    "perform_due",
]
