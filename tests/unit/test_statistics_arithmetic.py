"""Durations in buckets, days in spans: where they may lose precision, how much, and where they may not."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.statistics.buckets import ALL, Grain, bounds, day_span, local, ranges, span_of, start_of
from crm_core.statistics.durations import Histogram, bucket, upper
from crm_core.statistics.periods import Days

LENGTHS = st.integers(0, 10 * 365 * 86_400_000) | st.integers(0, 3000)  # up to ten years, in milliseconds
MOMENTS = st.integers(0, 880 * 24).map(lambda hours: datetime(2024, 11, 1, tzinfo=UTC) + timedelta(hours=hours))
DATES = st.none() | st.dates(date(2024, 11, 1), date(2027, 3, 1))


@given(LENGTHS)
def test_bucket_is_at_most_one_128th_wide(length: int) -> None:
    longest = upper(bucket(length))
    assert length <= longest <= length * (1 + 1 / 128)
    assert bucket(longest) == bucket(length) == bucket(longest + 1) - 1


@given(st.lists(LENGTHS, min_size=1))
def test_p95_is_never_below_the_exact_value_and_at_most_one_128th_above(lengths: list[int]) -> None:
    histogram = Histogram()
    for one in lengths:
        histogram.add(one)
    found, rank = histogram.lengths(), -(-95 * len(lengths) // 100)
    exact = sorted(lengths)[rank - 1]
    assert found.count == len(lengths)
    assert found.mean == pytest.approx(sum(lengths) / len(lengths) / 1000)
    assert found.p95 is not None
    # A float of seconds is exact to 16 digits, so at four years it is not to a microsecond.
    assert exact <= found.p95 * 1000 * (1 + 1e-12)
    assert found.p95 * 1000 <= exact * (1 + 1 / 128) + 1e-3
    assert found.within(max(lengths) / 1000 + 1e9) == len(lengths)
    assert found.within(-1) == 0


@given(st.lists(LENGTHS), st.lists(LENGTHS))
def test_merged_histograms_equal_the_histogram_of_all_durations(one: list[int], other: list[int]) -> None:
    first, second, whole = Histogram(), Histogram(), Histogram()
    for length in one:
        first.add(length)
    for length in other:
        second.add(length)
    for length in one + other:
        whole.add(length)
    first.merge(second.pairs(), second.total, second.longest)
    assert first == whole


@given(st.lists(LENGTHS), st.lists(st.integers(1, 10 * 365 * 86_400), min_size=1, unique=True).map(sorted))
def test_cumulated_counts_never_include_durations_above_their_bound(lengths: list[int], bounds: list[int]) -> None:
    histogram = Histogram()
    for one in lengths:
        histogram.add(one)
    found = histogram.lengths().cumulated(bounds)
    assert found == [histogram.lengths().within(bound) for bound in bounds]
    for bound, number in zip(bounds, found, strict=True):
        assert sum(one * (1 + 1 / 128) <= bound * 1000 for one in lengths) <= number
        assert number <= sum(one <= bound * 1000 for one in lengths)


def test_negative_duration_counts_as_zero() -> None:
    histogram = Histogram()
    histogram.add(-50)
    assert (histogram.lengths().mean, histogram.lengths().p95) == (0, 0)


@given(DATES, DATES)
def test_span_ranges_cover_each_day_exactly_once(first: date | None, last: date | None) -> None:
    found = ranges(first, last)
    days = [date(2024, 11, 1) + timedelta(days=number) for number in range(880)]
    for day in days:
        spans = (ALL, day_span(day) // 100, day_span(day))
        times = sum(low <= span <= high for span in spans for low, high in found)
        assert times == ((first is None or first <= day) and (last is None or day <= last)), day
    assert len(found) <= 3


@given(DATES, DATES, st.sampled_from(Grain), MOMENTS)
def test_span_bounds_include_every_span_of_the_days(
    first: date | None, last: date | None, grain: Grain, moment: datetime
) -> None:
    low, high = bounds(grain, first, last)
    if Days(first, last).covers(moment):
        assert low <= span_of(moment, grain) <= high


def test_span_numbers_of_different_grains_do_not_overlap() -> None:
    low = {grain: bounds(grain, None, None)[0] for grain in Grain}
    high = {grain: bounds(grain, None, None)[1] for grain in Grain}
    assert ALL < low[Grain.MONTH] <= high[Grain.MONTH] < low[Grain.DAY] <= high[Grain.DAY] < low[Grain.HOUR]


def test_span_number_gives_its_start_in_the_time_zone() -> None:
    zone = ZoneInfo("Asia/Kolkata")
    moment = datetime(2026, 1, 5, 13, 45, tzinfo=zone)
    starts = [start_of(span_of(moment, grain), zone) for grain in (Grain.HOUR, Grain.DAY, Grain.MONTH)]
    assert starts == [
        moment.replace(minute=0),
        moment.replace(hour=0, minute=0),
        moment.replace(day=1, hour=0, minute=0),
    ]


def test_days_follow_the_time_zone_and_exclude_until() -> None:
    zone = ZoneInfo("Asia/Vladivostok")  # UTC+10
    since, until = datetime(2026, 3, 15, 14, tzinfo=UTC), datetime(2026, 3, 17, 14, tzinfo=UTC)
    assert Days.of(since=since, until=until, zone=zone) == Days(date(2026, 3, 16), date(2026, 3, 17))
    later = until + timedelta(hours=1)
    assert Days.of(since=since, until=later, zone=zone) == Days(date(2026, 3, 16), date(2026, 3, 18))
    assert Days.of(since=None, until=None, zone=zone) == Days()


def test_quarter_hours_align_in_every_time_zone() -> None:
    for name in ("Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Chatham", "UTC"):
        when = local(ZoneInfo(name))
        quarter = int(datetime(2026, 1, 5, 18, 15, tzinfo=UTC).timestamp()) // 900
        assert when(quarter) == datetime(2026, 1, 5, 18, 15, tzinfo=UTC)
        assert when(quarter).minute % 15 == 0
