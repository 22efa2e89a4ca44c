"""The figures of `/metrics`, gathered at one look: each is read where /stats, the API and deciding itself read it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from crm_core import statistics
from crm_core.delivery import bots
from crm_core.delivery.bots import Workload
from crm_core.routing.candidates import Eligibility, eligibilities
from crm_core.statistics import Statistics


@dataclass(frozen=True, slots=True)
class Figures:
    """What the database tells.

    Attributes:
        numbers: of all time, so that a series of readings tells every period.
        standings: who could get a contact of which source.
        workloads: what waits for each bot.
    """

    numbers: Statistics
    standings: list[Eligibility]
    workloads: list[Workload]


def figures(s: Session) -> Figures:
    """Reads all of them, by a constant number of statements."""
    return Figures(statistics.overview(s, since=None), eligibilities(s), bots.workloads(s))
