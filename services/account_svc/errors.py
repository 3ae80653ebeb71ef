"""What account_svc refuses, with stable codes."""

from shared.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated


class BrandExists(Conflict):
    code = "brand_exists"


class BrandNotFound(NotFound):
    code = "brand_not_found"


class UnitNotFound(NotFound):
    code = "unit_not_found"


class UnknownUnit(Invalid):
    """A body names a unit that the caller cannot see."""

    code = "unknown_unit"


class UnitCodeTaken(Conflict):
    code = "unit_code_taken"


class TreeCycle(Invalid):
    code = "tree_cycle"


class TreeTooDeep(Invalid):
    code = "tree_too_deep"


class TakerLeaves(Conflict):
    """Who hands over what they have themselves takes nothing from others."""

    code = "taker_leaves"


class BrandIsTheRoot(Invalid):
    """Only the root of a tree is the brand: seats per brand would be wanted twice."""

    code = "brand_is_the_root"


class RootStays(Conflict):
    """The root of a brand's tree has no parent and cannot be given one."""

    code = "root_stays"


class StaffNotFound(NotFound):
    code = "staff_not_found"


class UnknownStaff(Invalid):
    """A body names a person that the caller cannot see, or who has departed."""

    code = "unknown_staff"


class CertificateMissing(Conflict):
    """The person does not hold the right that the step needs; the message names the courses."""

    code = "certificate_missing"


class StaffCodeTaken(Conflict):
    code = "staff_code_taken"


class StaffDeparted(Conflict):
    code = "staff_departed"


class StaffNotAbsent(Conflict):
    code = "staff_not_absent"


class AccountNotFound(NotFound):
    code = "account_not_found"


class HandleTaken(Conflict):
    code = "handle_taken"


class TransitionNotAllowed(Conflict):
    """The account's life cycle has no step from its status to the one asked for."""

    code = "transition_not_allowed"


class StatusOfAnotherPlatform(Invalid):
    """The status is one that another platform than the account's gives."""

    code = "status_of_another_platform"


class UnknownPersona(Invalid):
    code = "unknown_persona"


class ImportNotFound(NotFound):
    code = "import_not_found"


class ImportRunning(Conflict):
    code = "import_running"


class FileRefused(Invalid):
    """The file as a whole cannot be read: its header, its kind or its size."""

    code = "file_refused"


class RuleInThePast(Invalid):
    """A later version would change what was already earned."""

    code = "rule_in_the_past"


class PolicyExpired(Conflict):
    """A platform policy was made for a time that does not reach to the instant in question."""

    code = "policy_expired"


class PolicyNotFound(NotFound):
    code = "policy_not_found"


class StaffErased(Conflict):
    """What is personal of this person was erased: nothing new is written about them."""

    code = "staff_erased"


class CourseNotFound(NotFound):
    code = "course_not_found"


class UnknownCourse(Invalid):
    code = "unknown_course"


class CourseCodeTaken(Conflict):
    code = "course_code_taken"


class ExamOfAnother(Forbidden):
    """An exam is taken by the person it is about, or entered by head office."""

    code = "exam_of_another"


class AttemptNotFound(NotFound):
    code = "attempt_not_found"


class AttemptOpen(Conflict):
    code = "attempt_open"


class AttemptGraded(Conflict):
    code = "attempt_graded"


class AttemptsExhausted(Conflict):
    code = "attempts_exhausted"


class UnknownLesson(Invalid):
    code = "unknown_lesson"


class LessonsLeft(Conflict):
    code = "lessons_left"


class AttemptTooEarly(Conflict):
    code = "attempt_too_early"


class WrongAnswers(Invalid):
    """The answers do not fit the questions; whether they are right is no refusal."""

    code = "wrong_answers"


class LayoutNotFound(NotFound):
    code = "layout_not_found"


class LayoutBuiltIn(Conflict):
    """The name belongs to a layout that every brand has."""

    code = "layout_built_in"


class OffRosterNotFound(NotFound):
    code = "off_roster_account_not_found"


class AlreadyReported(Conflict):
    code = "already_reported"


class AlreadyDecided(Conflict):
    """The off-roster account was adopted or rejected before."""

    code = "already_decided"


class HandoverNotFound(NotFound):
    code = "handover_not_found"


class HandoverOpenAlready(Conflict):
    code = "handover_open_already"


class HandoverNotPlanned(Conflict):
    """What it is about is not known in full yet."""

    code = "handover_not_planned"


class HandoverOver(Conflict):
    code = "handover_over"


class LimitUnknown(Conflict):
    """No policy says how much the platform allows, and without a limit nothing is done."""

    code = "limit_unknown"


class ApiKeyNotFound(NotFound):
    code = "api_key_not_found"


class ApiKeyInvalid(Unauthenticated):
    code = "api_key_invalid"


class PeriodOver(Invalid):
    """A goal for a period that is over would change who has reached it."""

    code = "period_over"


class PeriodNotBegun(Invalid):
    """A month to come has no results; placed, it would be everybody's newest until it is over."""

    code = "period_not_begun"


class LayoutTooLarge(Conflict):
    code = "layout_too_large"


class GoalFromAbove(Forbidden):
    """Whoever answers for a unit does not set its goal."""

    code = "goal_from_above"


class AdvocateNotFound(NotFound):
    code = "advocate_not_found"


class AdvocateKnown(Conflict):
    """A person is one advocate of a brand, by their number."""

    code = "advocate_known"


class RelationNotFound(NotFound):
    code = "relation_not_found"


class RelationInTheFuture(Invalid):
    code = "relation_in_the_future"


class PostWasBound(Conflict):
    """Whoever is paid or hired posts nothing unpaid meanwhile."""

    code = "post_was_bound"


class NothingToEnd(Invalid):
    """An end of being paid or hired has a beginning that nothing ended yet."""

    code = "nothing_to_end"


class AlreadyWithdrawn(Conflict):
    code = "already_withdrawn"


class UnknownAccount(Invalid):
    """A body names an account that the caller cannot see."""

    code = "unknown_account"


class AccountNotOutside(Conflict):
    """An advocate's account has the seat of a KOC or KOL, and no seller runs it."""

    code = "account_not_outside"


class AccountOfAnother(Conflict):
    code = "account_of_another"


class LiftTaskNotFound(NotFound):
    code = "lift_task_not_found"


class LiftNotOpen(Conflict):
    code = "lift_not_open"


class LiftOpen(Conflict):
    """One open task for a skill of a person at a time."""

    code = "lift_open"


class NotToLift(Conflict):
    """The person is at the top, or was never placed."""

    code = "not_to_lift"


class NoGap(Conflict):
    code = "no_gap"


class NoCourseForSkill(Conflict):
    code = "no_course_for_skill"


class DueInThePast(Invalid):
    code = "due_in_the_past"


class RaceIsOver(Invalid):
    """Rules for a month that is over would change who has won."""

    code = "race_is_over"


class EntryNotFound(NotFound):
    code = "entry_not_found"


class NotAReward(Invalid):
    """A counter-entry is not reviewed: the entry that paid the cause is."""

    code = "not_a_reward"


class OwnReward(Forbidden):
    """Nobody rules on what they earned themselves."""

    code = "own_reward"


class SameReviewer(Forbidden):
    """An appeal is decided by somebody other than who took the reward back."""

    code = "same_reviewer"


class AlreadyTakenBack(Conflict):
    code = "already_taken_back"


class NotTakenBack(Conflict):
    """No review has taken the reward back: there is nothing to appeal against."""

    code = "not_taken_back"


class CauseVoided(Conflict):
    """The lead or deal itself was voided, where it is kept: what it earned cannot come back."""

    code = "cause_voided"


class AppealTooLate(Conflict):
    code = "appeal_too_late"


class AppealMade(Conflict):
    """There is one appeal against each review."""

    code = "appeal_made"


class AppealNotFound(NotFound):
    code = "appeal_not_found"


class AppealClosed(Conflict):
    code = "appeal_closed"
