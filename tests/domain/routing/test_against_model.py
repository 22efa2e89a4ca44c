"""The product beside the reference model of the distributor, in a few histories; `make histories` plays many more."""

import pytest

from crm_core.storage.database import Database
from tests.domain.routing.beside_model import compare

SEEDS = [
    *(0, 39, 44),  # in 39 an offer is kept by whoever has a rate, in 44 an offer is missed while an older contact waits
    *(pytest.param(seed, marks=pytest.mark.sqlite_is_enough) for seed in range(1, 6)),
    # A sleeper is given by hand, by its limits there and without an operator; an offer ends at a source switched off.
    *(pytest.param(seed, marks=pytest.mark.sqlite_is_enough) for seed in (40004402, 40003902, 40004537)),
]


@pytest.mark.further
@pytest.mark.fault("F193")
@pytest.mark.fault("F194")
@pytest.mark.fault("F198")
@pytest.mark.fault("F201")
@pytest.mark.fault("F202")
@pytest.mark.parametrize("seed", SEEDS)
async def test_product_does_what_the_model_does(db: Database, seed: int) -> None:
    await compare(db, seed, moves=60)


@pytest.mark.slow
@pytest.mark.sqlite_is_enough  # `make histories DATABASE=postgres` plays long ones there
@pytest.mark.parametrize("seed", [100, 101])
async def test_product_does_what_the_model_does_in_a_long_history(db: Database, seed: int) -> None:
    await compare(db, seed, moves=200)
