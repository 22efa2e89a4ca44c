"""How much is measured: the whole benchmark, or a smoke run that only shows that every part still works."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """How much each part measures. The defaults are the whole benchmark.

    Attributes:
        forks_bots: whether bots are forked from a process that has imported everything, not started as they are in
            production: this saves seconds of each start, but their memory is not comparable.
        rounds: how often two programs are measured in turn where the median of the ratios counts.
        starts: how often a command is started.
        registrations: contacts registered in one round of `registering`.
        single_messages: messages that are sent one at a time, after `warm_up` others that are not counted.
        album_pairs: photos and albums that are sent in turn.
        backlog_clients: clients whose `backlog_each` messages wait at Telegram when a bot starts.
        quiet_seconds: how long nothing arrives until a bot that was killed is taken to have delivered all it will;
            twice the time after which Mini-CRM repeats a request.
        limited_operators: operators who share a backlog with Telegram's rate limits on.
        outage_seconds: how long Telegram fails.
        outage_clients: clients who write just before it begins, and as many while it lasts.
        contacts, leads: rows of the database for `statistics`, `http` and `growth`.
        unfolded_events: events that are not yet in the statistics when they are read; twice what a running process
            leaves.
        statistics_reads: how often each of the statistics is read.
        http_seconds: duration of each measurement over HTTP.
        concurrency: numbers of concurrent callers; the target is for 16.
        race_requests: requests of 64 concurrent callers for 50 free places.
        http_reads: how often each list and dashboard is read.
        growth_contacts: contacts registered, taken and closed in each database.
        growth_messages: messages that are sent one at a time, after `warm_up` others that are not counted.
        growth_operators: two numbers of operators, of which the first is 10 as in every other part.
        step_rounds, step_repeats: each step of a message is run `step_repeats` times in each round.
    """

    forks_bots: bool = False
    rounds: int = 3
    starts: int = 5
    registrations: int = 600
    single_messages: int = 600
    warm_up: int = 20
    album_pairs: int = 60
    backlog_clients: int = 500
    backlog_each: int = 4
    quiet_seconds: float = 4.0
    limited_operators: int = 30
    outage_seconds: float = 90.0
    outage_clients: int = 40
    contacts: int = 1_000_000
    leads: int = 300_000
    unfolded_events: int = 1_000
    statistics_reads: int = 15
    http_seconds: float = 1.5
    concurrency: tuple[int, ...] = (1, 16, 64)
    race_requests: int = 500
    http_reads: int = 30
    growth_contacts: int = 400
    growth_messages: int = 200
    growth_operators: tuple[int, int] = (10, 500)
    step_rounds: int = 8
    step_repeats: int = 200

    @property
    def backlog(self) -> int:
        """How many messages are in a backlog."""
        return self.backlog_clients * self.backlog_each


FULL = Sizes()
SMOKE = Sizes(
    forks_bots=True,
    rounds=1,
    starts=1,
    registrations=20,
    single_messages=4,
    warm_up=1,
    album_pairs=2,
    backlog_clients=10,
    backlog_each=2,
    quiet_seconds=2,
    limited_operators=5,
    outage_seconds=2.0,
    outage_clients=4,
    contacts=1_000,
    leads=300,
    unfolded_events=100,
    statistics_reads=2,
    http_seconds=0.2,
    concurrency=(1, 16),
    race_requests=80,
    http_reads=2,
    growth_contacts=4,
    growth_messages=2,
    growth_operators=(10, 12),
    step_rounds=1,
    step_repeats=5,
)
