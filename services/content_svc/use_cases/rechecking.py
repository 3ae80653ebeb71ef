"""Rules change after a text was checked: what is scheduled is measured again.

All of a brand's when its policy changes, and what is due once more before it goes out, which also
catches a newer rule pack. A draft keeps what it was checked under, so the work resumes by itself.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.checking import Policy, check_text, pack_version
from content_svc.models import Draft, DraftStatus, Post
from content_svc.repository import library, posts
from shared import outbox
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events.content import DraftChecked, DraftHeld, PostWithdrawn, Verdict
from shared.timers import Due

RECHECK = "draft.recheck"
RULES_CHANGED = "rules_changed"
_SIZE = 200
_WORK_SECONDS = 5
_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rechecker:
    """The worker's timer handler after a change of the brand's content policy."""

    sessions: Sessions

    async def recheck(self, due: Due) -> datetime | None:
        until = time.monotonic() + _WORK_SECONDS
        while time.monotonic() < until:
            if not await recheck_step(self.sessions, due.brand_id, until=_EVER):
                return None
        return now()


async def recheck_step(sessions: Sessions, brand_id: UUID, *, until: datetime) -> int:
    """Measure some of the posts due by `until` that were checked under other rules; how many."""
    async with brand_session(sessions, brand_id) as session:
        policy = await library.get_policy(session, brand_id)
        outdated = await posts.list_outdated(
            session,
            brand_id,
            until=until,
            pack_version=pack_version(),
            policy_at=policy.updated_at,
            size=_SIZE,
        )
        for post, draft in outdated:
            _recheck(session, policy, post, draft)
    return len(outdated)


def _recheck(session: AsyncSession, policy: Policy, post: Post, draft: Draft) -> None:
    """Take the post back and hold its draft if the text is now blocked.

    A text that now calls for judgement stays: a person or the mode had already let it go out.
    """
    checked = check_text(policy, post.platform, draft.title, draft.text)
    about = {
        "draft_id": draft.id,
        "account_id": draft.account_id,
        "campaign_id": draft.campaign_id,
    }
    is_changed = (checked.verdict, checked.findings) != (draft.verdict, draft.findings)
    draft.verdict = checked.verdict
    draft.findings = checked.findings
    draft.pack_version = checked.pack_version
    draft.checked_at = now()
    if is_changed:
        outbox.add(
            session,
            draft,
            DraftChecked(
                **about,
                verdict=checked.verdict,
                rules=checked.rules,
                pack_version=checked.pack_version,
            ),
        )
    if checked.verdict is not Verdict.BLOCK:
        return
    draft.status = DraftStatus.HELD
    outbox.add(session, draft, DraftHeld(**about, rules=checked.rules))
    post.withdraw(RULES_CHANGED)
    outbox.add(
        session,
        post,
        PostWithdrawn(
            post_id=post.id,
            account_id=post.account_id,
            campaign_id=post.campaign_id,
            reason=RULES_CHANGED,
        ),
    )
