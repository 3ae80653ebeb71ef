"""The mode of a campaign as policy: what a seller may change, and the words of a refusal.

Each clause has a name that refusals quote, so that a seller can look it up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from content_svc.errors import ModeForbids
from shared.events.content import CampaignMode, Verdict


@dataclass(frozen=True, slots=True)
class ModePolicy:
    takes_own_texts: bool
    """Sellers may bring texts of their own into the campaign."""
    takes_revisions: bool
    keeps_locked_passages: bool
    """A revision must leave what lies outside the marked blocks as it was supplied."""
    picks_choices: bool
    """Choice slots vary by seller; otherwise every seller gets the first choice."""
    reviewed: frozenset[Verdict]
    """Verdicts that a person decides on before anything goes out."""


POLICIES = {
    CampaignMode.DISTRIBUTED_CREATION: ModePolicy(
        takes_own_texts=True,
        takes_revisions=True,
        keeps_locked_passages=False,
        picks_choices=True,
        reviewed=frozenset({Verdict.REVIEW}),
    ),
    CampaignMode.CENTRAL_ENABLEMENT: ModePolicy(
        takes_own_texts=False,
        takes_revisions=True,
        keeps_locked_passages=True,
        picks_choices=True,
        reviewed=frozenset({Verdict.REVIEW}),
    ),
    CampaignMode.CENTRAL_DISTRIBUTION: ModePolicy(
        takes_own_texts=False,
        takes_revisions=False,
        keeps_locked_passages=True,
        picks_choices=False,
        reviewed=frozenset({Verdict.REVIEW}),
    ),
}


def require_own_text_allowed(mode: CampaignMode) -> None:
    if not POLICIES[mode].takes_own_texts:
        raise ModeForbids(f"{mode}.single_source: texts come from head office", field="/text")


def require_revision_allowed(mode: CampaignMode, locked: Sequence[str], text: str) -> None:
    """Raise ModeForbids, naming the clause, unless `text` may replace the draft's text."""
    policy = POLICIES[mode]
    if not policy.takes_revisions:
        raise ModeForbids(f"{mode}.exact_text: the text goes out as supplied", field="/text")
    if policy.keeps_locked_passages:
        passage = find_missing_passage(locked, text)
        if passage is not None:
            raise ModeForbids(
                f"{mode}.locked_text: only marked blocks may be reworded; missing: {passage[:60]}",
                field="/text",
            )


def find_missing_passage(locked: Sequence[str], text: str) -> str | None:
    """The first passage that `text` does not hold in order; None when all are there."""
    place = 0
    for passage in locked:
        found = text.find(passage, place)
        if found < 0:
            return passage
        place = found + len(passage)
    return None
