"""From words to clauses: which days, and what holds on them."""

from dataclasses import dataclass, field
from datetime import date

from crm_core.hours.ahead import certain_dates, is_content, is_weekend_off, skipped, span_at
from crm_core.hours.clauses import Clause, Place, Rest, Role, Stretch, Subject
from crm_core.hours.dates import TypedDate, dates_at, resolve
from crm_core.hours.days import FREE, MINUTES, Day, Reason
from crm_core.hours.times import read_span
from crm_core.hours.vocabulary import ALL_DAYS, Kind
from crm_core.hours.words import Text, Word


@dataclass
class Reading:
    """Reads a text word by word. Raises BadHours.

    Attributes:
        today: dates without a year are the next ones from here on.
        clauses: what was found, in the order of the text.
        zone, start_before, stop_before: likewise, None where the text says nothing of them.
    """

    text: Text
    today: date
    clauses: list[Clause] = field(default_factory=list)
    zone: str | None = None
    start_before: int | None = None
    stop_before: int | None = None
    _at: int = 0

    def __post_init__(self) -> None:
        self._clause = Clause(self.text)
        while self._at < len(self.text.words):
            self._step()
        self._close()

    @property
    def is_empty(self) -> bool:
        """Whether the text said nothing."""
        return not self.clauses and (self.zone, self.start_before, self.stop_before) == (None, None, None)

    # --- one step

    def _step(self) -> None:
        word = self.text.words[self._at]
        if self._days() or self._dates() or self._span():
            return
        self._at += 1
        match word.kind:
            case Kind.ZONE:
                self.zone = word.value
            case Kind.START_BEFORE:
                self.start_before = word.value
            case Kind.STOP_BEFORE:
                self.stop_before = word.value
            case Kind.EVERY_DAY_IS:
                self._every_day(word)
            case Kind.ALL_DAY:
                if self._clause.is_empty:
                    self._subject(Subject(ALL_DAYS, _place(word)))
                self._content(Stretch((0, MINUTES), Role.SHIFT, _place(word)))
            case Kind.OFF | Kind.WEEKEND:
                self._rest(Rest.OFF, word)
            case Kind.LEAVE:
                self._rest(Rest.LEAVE, word)
            case Kind.BREAK:
                self._break(word)
            case Kind.COMMA if word.value == ";" and self._clause.is_rest_first and self._clause.subjects:
                self._close()
            case Kind.COMMA | Kind.COLON | Kind.FROM:
                pass
            case Kind.TO if self._clause.awaits_content or self._clause.is_rest_first or word.value == "on":
                pass
            case Kind.CLOCK if word.value[0] > 24 or word.value[1] > 59:
                raise self.text.refusal(Reason.NO_SUCH_TIME, *_place(word))
            case _other:
                raise self.text.refusal(Reason.UNKNOWN, *_place(word))

    def _days(self) -> bool:
        word = self.text.words[self._at]
        is_weekend = word.kind is Kind.WEEKEND
        is_subject = word.kind is Kind.DAYS or (
            is_weekend and not is_weekend_off(self.text.words, self._at, behind_days=self._clause.awaits_content)
        )
        if not is_subject:
            return False
        after, last = self._peek(1), self._peek(2)
        on: frozenset[int] = word.value
        if after and last and after.kind is Kind.TO and last.kind is Kind.DAYS:
            if len(on) > 1 or len(last.value) > 1 or on == last.value:
                raise self.text.refusal(Reason.UNCLEAR, word.start, last.end)
            (begins,), (ends,) = on, last.value
            on = frozenset((begins + one) % 7 for one in range((ends - begins) % 7 + 1))
            self._at, end = self._at + 3, last.end
        else:
            self._at, end = self._at + 1, word.end
        self._subject(Subject(on, (word.start, end)))
        return True

    def _dates(self) -> bool:
        word, is_rest = self.text.words[self._at], self._clause.is_rest_first
        is_until = is_rest and word.kind is Kind.TO and word.value == "to"  # leave until 5 dec: from today on
        found = dates_at(self.text.words, self._at + is_until)
        if found is None:
            return False
        first, last, behind = found
        if span_at(self.text.words, self._at) and not self._are_dates(behind):
            return False
        place = word.start, self.text.words[behind - 1].end
        if is_rest and word.kind is Kind.FROM and first == last:  # leave from 5 dec: until when?
            raise self.text.refusal(Reason.UNCLEAR, *place)
        if is_until and first == last:
            first = TypedDate(self.today.year, self.today.month, self.today.day)
        self._at = behind
        self._subject(Subject(resolve(self.text, first, last, self.today, place=place), place))
        return True

    def _span(self) -> bool:
        times = span_at(self.text.words, self._at)
        if times is None:
            return False
        first, last, behind = times
        span = read_span(self.text, first, last)
        role = Role.SHIFT
        if self._clause.after_break:
            is_first = self.text.words[self._at - 1].kind in (Kind.BREAK, Kind.COLON)
            role = Role.BREAK if is_first else Role.EITHER
        self._at = behind
        self._content(Stretch(span, role, (first.start, last.end)))
        self._clause.is_dotted = self._clause.is_dotted or first.kind is Kind.DOTTED
        return True

    def _are_dates(self, behind: int) -> bool:
        """Whether 1.05-3.05 are dates: where days are due, or hours follow; not behind days, nor behind such hours."""
        certain = certain_dates(self.text.words, self._at, behind)
        if certain is not None:
            return certain
        clause = self._clause
        if clause.is_rest_first or not clause.subjects:
            return True
        if clause.awaits_content:
            return clause.subjects[-1].is_dates and is_content(self.text.words, behind)
        return is_content(self.text.words, behind) or not clause.is_dotted

    def _peek(self, by: int) -> Word | None:
        return self.text.words[self._at + by] if self._at + by < len(self.text.words) else None

    # --- clauses

    def _subject(self, subject: Subject) -> None:
        clause = self._clause
        is_other_kind = bool(clause.subjects) and clause.subjects[-1].is_dates is not subject.is_dates
        if clause.awaits_content and is_other_kind:
            raise clause.refusal(Reason.WITHOUT_HOURS)
        goes_on = clause.is_empty or clause.awaits_content or (clause.is_rest_first and not is_other_kind)
        if not goes_on:
            self._close()
        self._clause.subjects.append(subject)

    def _content(self, stretch: Stretch) -> None:
        clause = self._clause
        if clause.is_rest_first:
            self._leave_last_subject(stretch)
        elif clause.rest is not None:
            raise self.text.refusal(Reason.UNCLEAR, clause.place[0], stretch.place[1])
        self._clause.stretches.append(stretch)

    def _leave_last_subject(self, stretch: Stretch) -> None:
        """Hours behind `отпуск 1.07-14.07, 31.12`: they are of the last date, and leave is the one before."""
        clause = self._clause
        if len(clause.subjects) != 2:
            raise self.text.refusal(Reason.UNCLEAR, clause.rest_place[0], stretch.place[1])
        last = clause.subjects.pop()
        self._close()
        self._clause.subjects.append(last)

    def _rest(self, rest: Rest, word: Word) -> None:
        is_first = not self._clause.awaits_content
        if is_first:
            if self._clause.is_rest_first and not self._clause.subjects and self._clause.rest is rest:
                return  # праздники, выходные: …
            self._close()
        self._clause.rest, self._clause.is_rest_first, self._clause.rest_place = rest, is_first, _place(word)

    def _break(self, word: Word) -> None:
        clause = self._clause
        if clause.rest is not None or not clause.subjects:
            raise self.text.refusal(Reason.WITHOUT_DAYS, *_place(word))
        if span_at(self.text.words, skipped(self.text.words, self._at, {Kind.COLON})) is None:
            raise self.text.refusal(Reason.WITHOUT_HOURS, *_place(word))
        clause.after_break = True

    def _every_day(self, word: Word) -> None:
        day: Day = word.value
        if self._clause.awaits_content and day != FREE:
            self._content(Stretch((0, MINUTES), Role.SHIFT, _place(word)))  # пн-пт 24/7
            return
        self._close()
        self._clause.subjects.append(Subject(ALL_DAYS, _place(word)))
        if day == FREE:
            self._clause.rest, self._clause.rest_place = Rest.OFF, _place(word)
        else:
            self._clause.stretches.append(Stretch((0, MINUTES), Role.SHIFT, _place(word)))

    def _close(self) -> None:
        if not self._clause.is_empty:
            self._clause.check()
            self.clauses.append(self._clause)
        self._clause = Clause(self.text)


def _place(word: Word) -> Place:
    return word.start, word.end
