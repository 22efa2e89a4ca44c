"""The figures of `/metrics`, from the same queries that /stats, the API and routing use."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from crm_core import statistics
from crm_core.delivery import bots
from crm_core.delivery.bots import Workload
from crm_core.routing import ledger, offers
from crm_core.routing.candidates import Eligibility, eligibilities
from crm_core.service import overdue
from crm_core.service.targets import Measure
from crm_core.statistics import Statistics


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures from the database.

    Attributes:
        numbers: of all time, so that a series of scrapes gives any period.
        standings: which operators could get a contact of which source.
        workloads: what waits for each bot.
        overdue: open contacts that are over a target and wait, by source and measure; of sources with targets only.
        offers: contacts that are offered and not taken, by source.
        credits: by source and operator, in `UNIT` of `crm_core.routing.credits`.
    """

    numbers: Statistics
    standings: list[Eligibility]
    workloads: list[Workload]
    overdue: dict[tuple[int, Measure], int]
    offers: dict[int, int]
    credits: dict[tuple[int, int], int]


def figures(s: Session) -> Figures:
    """Reads all of them, by a constant number of statements."""
    return Figures(
        statistics.overview(s, since=None),
        eligibilities(s),
        bots.workloads(s),
        overdue.by_source(s),
        offers.open_offers(s),
        ledger.everywhere(s),
    )
