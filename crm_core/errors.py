"""Every refusal, as a code with fields. The texts for people are in the bot and in the API."""

from typing import Any, ClassVar


class CrmError(Exception):
    """A refusal that changed nothing.

    Attributes:
        code: stable name, the key of its texts.
        status: the HTTP status that says the same.
        fields: what the text needs: ids, names, limits.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, **fields: Any) -> None:
        super().__init__(self.code)
        self.fields = fields


class NotFound(CrmError):
    """It does not exist, or is not yours: the two look equal, so that nobody learns what exists (reliability I15)."""

    code, status = "not_found", 404


class ContactNotFound(NotFound):
    code = "contact_not_found"


class OperatorNotFound(NotFound):
    """`name` is what was asked for, `close` the names that resemble it."""

    code = "operator_not_found"


class SourceNotFound(NotFound):
    """`name` is what was asked for, `close` the names that resemble it."""

    code = "source_not_found"


class AdminNotFound(NotFound):
    """`name` is what was asked for, `close` the names that resemble it."""

    code = "admin_not_found"


class AmbiguousNames(CrmError):
    """What was typed can be cut into known names in several ways."""

    code, status = "ambiguous_names", 422


class LeadNotFound(NotFound):
    code = "lead_not_found"


class KeyNotFound(NotFound):
    """`key` is what was asked for: a name, a public beginning or a number."""

    code = "key_not_found"


class IsStaff(CrmError):
    """The account that wrote as a client has become a member of staff."""

    code, status = "is_staff", 409


class NoLongerOperator(CrmError):
    """The account was on the staff of this bot until some days ago: what it writes is no client's request."""

    code, status = "no_longer_operator", 409


class NotAllowed(CrmError):
    """The actor does not have the role that this needs, at the moment of the effect. `role`."""

    code, status = "not_allowed", 403


class ContactHeld(CrmError):
    """Somebody else holds the contact. `operator` is their name, or None while it waits in the queue."""

    code, status = "contact_held", 409


class ContactAlreadyYours(CrmError):
    code, status = "contact_already_yours", 409


class ContactAlreadyTheirs(CrmError):
    """The operator to whom it is assigned by hand holds it already. `operator` is their name."""

    code, status = "contact_already_theirs", 409


class ContactClosed(CrmError):
    """Nothing goes on in a closed contact, until whoever had it opens it again."""

    code, status = "contact_closed", 409


class ClientHasOpen(CrmError):
    """A closed contact cannot be opened again, since its client has another one open at the same source.

    `open` is that one, `operator` the name of who holds it, None while it waits; `is_yours`: whether it is the same
    operator's.
    """

    code, status = "client_has_open", 409


class LateSettled(CrmError):
    """What to do with the messages that came after a contact was closed was decided before."""

    code, status = "late_settled", 409


class LateUnseen(CrmError):
    """Some of what a client wrote after closing is still on its way to the operator, who cannot decide about it yet."""

    code, status = "late_unseen", 409


class CardOutdated(CrmError):
    """The button shows an older state of the contact; nothing was done, and the card is refreshed."""

    code, status = "card_outdated", 409


class Outdated(CrmError):
    """Something has changed since the state that a caller of the API knows (If-Match)."""

    code, status = "outdated", 412


class ContactElsewhere(CrmError):
    """The contact belongs to another bot than the one that was used. `bot` is the username of the right one."""

    code, status = "contact_elsewhere", 409


class NeedsConfirmation(CrmError):
    """Assigning by hand to an operator who is full or absent needs a confirmation.

    `operator` is their name, `why` the exclusion, `version` the contact's, for the button that confirms.
    """

    code, status = "needs_confirmation", 409


class BadSkills(CrmError):
    """What was given as skills has something that is no tag; `part`, empty where there are too many or none."""

    code, status = "bad_skills", 422


class BadKeywords(CrmError):
    """A keyword rule that cannot be. `reason`: a `crm_core.routing.keywords.BadRule`; `part`: the word, or empty."""

    code, status = "bad_keywords", 422


class NoWeight(CrmError):
    """An operator who gets nothing from a source cannot have a limit there. `operator`, `source`: their names."""

    code, status = "no_weight", 409


class OwnRequest(CrmError):
    """The operator is the client of this contact themselves. `operator` is their name."""

    code, status = "own_request", 409


class OperatorUnreachable(CrmError):
    """The operator has not started the bot that speaks for this contact, or has blocked it: no card can reach them.

    `operator` is their name.
    """

    code, status = "operator_unreachable", 409


class ClientUnreachable(CrmError):
    """The client has blocked the bot or left Telegram, so nothing can reach them."""

    code, status = "client_unreachable", 409


class ContactHasNoChat(CrmError):
    """The contact came through the API: there is no chat in which the client could read an answer.

    `is_new`: nobody has taken it yet, so the card does not show how to reach the client.
    """

    code, status = "contact_has_no_chat", 409


class NotCopyable(CrmError):
    """Telegram does not let a bot copy this kind of message. `kind` names it."""

    code, status = "not_copyable", 422


class CommandNotSent(CrmError):
    """A message that begins with a slash is for the bot; it is never sent to a client by mistake."""

    code, status = "command_not_sent", 422


class NameTaken(CrmError):
    code, status = "name_taken", 409


class SlugTaken(CrmError):
    code, status = "slug_taken", 409


class LastAdmin(CrmError):
    code, status = "last_admin", 409


class InvitationInvalid(CrmError):
    """Unknown, used or expired: one error for all, so that guessing reveals nothing."""

    code, status = "invitation_invalid", 410


class AlreadyOperator(CrmError):
    """The account that opened an invitation already belongs to an operator. `operator` is the name."""

    code, status = "already_operator", 409


class BadValue(CrmError):
    """A value outside its range. `field`, `minimum`, `maximum`."""

    code, status = "bad_value", 422


class BadName(BadValue):
    code = "bad_name"


class BadSlug(BadValue):
    code = "bad_slug"


class BadEmail(BadValue):
    code = "bad_email"


class BadPhone(BadValue):
    code = "bad_phone"


class BadHours(BadValue):
    """Working hours that cannot be read, or that cannot be.

    `reason` is a `crm_core.hours.days.Reason`; `part` is what it is about, as it was typed, empty for the whole.
    """

    code = "bad_hours"


class BadTargets(BadValue):
    """Targets of a service level that cannot be read, or are out of range. `part`: what is wrong, as typed."""

    code = "bad_targets"


class PeriodTooLong(BadValue):
    """A period with more contacts than can be played again. `contacts`, and the `maximum`."""

    code = "period_too_long"


class BadPeriod(BadValue):
    """A period that ends before it begins, or has not begun yet. `part` is what was given."""

    code = "bad_period"


class BadChange(BadValue):
    """A change of settings for a replay that is none. `part` is what was given, `close` settings that resemble it."""

    code = "bad_change"


class CannotBeReplayed(BadValue):
    """A setting for a replay that decides by what people would have done. `part` is what was given."""

    code = "cannot_be_replayed"


class NothingToPutBack(CrmError):
    """The admin has changed no setting that could be put back."""

    code, status = "nothing_to_put_back", 409


class ChangedSince(CrmError):
    """A setting was changed again since the change that was to be put back. `setting`."""

    code, status = "changed_since", 409


class SourceOff(CrmError):
    """The source takes no new contacts at present. `source`."""

    code, status = "source_off", 409


class SourceInUse(CrmError):
    """A source with contacts, a form or a bot of its own can be switched off, but not removed. `source`."""

    code, status = "source_in_use", 409


class EmailTaken(CrmError):
    """Another lead has this e-mail."""

    code, status = "email_taken", 409


class NothingOpen(CrmError):
    """The operator wrote, but holds no contact that the message could be for."""

    code, status = "nothing_open", 409


class ExportUnderWay(CrmError):
    """One export of an admin at a time: each is minutes of work and files of personal data."""

    code, status = "export_under_way", 409


class PollNotSent(CrmError):
    """The client would get a poll of the bot's own, and nobody would see the vote."""

    code, status = "poll_not_sent", 409


class UnknownCommand(CrmError):
    """A client without an open contact sent a word behind a slash, and nothing else."""

    code, status = "unknown_command", 409


class NumberNotYours(CrmError):
    """A message began with the number of a contact that is not one of the operator's. `contact`."""

    code, status = "number_not_yours", 404


class NumberMismatch(CrmError):
    """A message replied to one contact and began with the number of another open one: `contact`, `number`, `name`."""

    code, status = "number_mismatch", 409


class NotOffered(CrmError):
    """The contact is the operator's already, so that it cannot be declined. `contact`."""

    code, status = "not_offered", 409


class ContactSleeps(CrmError):
    """The contact sleeps, so that this cannot be done to it before it wakes. `contact`."""

    code, status = "contact_sleeps", 409


class NotSleeping(CrmError):
    """The contact does not sleep, so that nobody can wake it. `contact`."""

    code, status = "not_sleeping", 409


class BadMoment(CrmError):
    """What was given is no moment to which a contact can sleep: not understood, past, or too far. `why`, `part`."""

    code, status = "bad_moment", 422


class OperatorAtCeiling(CrmError):
    """As much is this operator's as may be, sleeping contacts included. `operator`, `ceiling`."""

    code, status = "operator_at_ceiling", 409


class StillOffered(CrmError):
    """The contact is only offered to the operator, who may decline it; it cannot be returned. `contact`."""

    code, status = "still_offered_to_you", 409


class ClientHasOpenThere(CrmError):
    """A contact is moved to a source where its client has another open one. `contact`, `open`, `source`."""

    code, status = "client_has_open_there", 409


class AlreadyAtSource(CrmError):
    """The contact is at the source already to which it was to be moved. `contact`, `source`."""

    code, status = "already_at_source", 409


class ReasonNotFound(CrmError):
    """No reason to decline has the code `reason`; `known` are those that can be given. `contact`: what is declined."""

    code, status = "reason_not_found", 422


class TooManyReasons(CrmError):
    """There are as many reasons to decline as fit under a card: `most`."""

    code, status = "too_many_reasons", 409


class NumberNotChosen(CrmError):
    """A waiting message begins with the number of another open contact than the chosen one.

    `contact` was chosen; `number` is the other one, with its client's `name`.
    """

    code, status = "number_not_chosen", 409


class SentElsewhere(CrmError):
    """An edited message begins with another number than that of the contact to which it went. `contact`."""

    code, status = "sent_elsewhere", 409


class EditedAfterTakingBack(CrmError):
    """An operator edited what they had taken back: nobody gets the new words. `contact`."""

    code, status = "edited_after_taking_back", 409


class AnswersColleague(CrmError):
    """What an operator writes in reply to a colleague, in a topic of a team's forum, is not for the client."""

    code, status = "answers_colleague", 422


class NothingToTakeBack(CrmError):
    """The message is none that this operator wrote to a client."""

    code, status = "nothing_to_take_back", 404


class TooLateToTakeBack(CrmError):
    """Telegram lets a bot delete its messages for 48 hours only."""

    code, status = "too_late_to_take_back", 409


class TopicsNotEnabled(CrmError):
    """The bot's private chats have no topics: its owner has not switched them on in BotFather."""

    code, status = "topics_not_enabled", 409


class NotAForum(CrmError):
    """A group cannot be a team's forum. `is_forum`: whether it has topics, and only the bot may not manage them."""

    code, status = "not_a_forum", 409


class ForumBoundElsewhere(CrmError):
    """A forum is bound in its group, where Telegram says what it is; through the API it can only be switched off."""

    code, status = "forum_bound_in_its_group", 409


class ForumOfOtherBot(CrmError):
    """Only the bot of a source can show in a forum what its clients send. `bot`: its username."""

    code, status = "forum_of_other_bot", 409


class ChoiceEnded(CrmError):
    """The question is not open any more, and nothing was sent. `asked_again`: whether a newer one has taken over."""

    code, status = "choice_ended", 409


class ChoiceExpired(CrmError):
    """The message that the buttons asked about has been sent already, or is gone."""

    code, status = "choice_expired", 409


class PromptEnded(CrmError):
    """The question that a message answers was answered, replaced or cancelled in the meantime."""

    code, status = "prompt_ended", 409


class PreferenceNotFound(NotFound):
    """`name` is what was asked for."""

    code = "preference_not_found"


class BadPreference(BadValue):
    """A value that the preference `name` does not allow."""

    code = "bad_preference"


class NothingToUndo(CrmError):
    """The preference `name` was never changed, or every change was undone."""

    code, status = "nothing_to_undo", 409
