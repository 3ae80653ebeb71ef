"""Which labels a post needs from who wrote it and what it holds, and adding those it lacks."""

from collections.abc import Iterable
from enum import StrEnum

from content_svc.compliance import views
from content_svc.compliance.context import Context, Relation
from content_svc.compliance.pack import Pack


class Label(StrEnum):
    STAFF = "staff"
    ADVERTISEMENT = "advertisement"
    AI_GENERATED = "ai_generated"


_EXCEPTION_OF = {
    Label.STAFF: "staff_label",
    Label.ADVERTISEMENT: "advertisement_label",
    Label.AI_GENERATED: "ai_label",
}


def required_labels(context: Context) -> frozenset[Label]:
    """Labels that follow from the author's relation and the content, whatever the text says."""
    labels = set()
    if context.relation is Relation.STAFF:
        labels.add(Label.STAFF)
    if context.relation in (Relation.PAID, Relation.PARTNER) or context.has_purchase_component:
        labels.add(Label.ADVERTISEMENT)
    if context.is_ai_generated:
        labels.add(Label.AI_GENERATED)
    return frozenset(labels)


def carried_labels(pack: Pack, text: str, context: Context) -> frozenset[Label]:
    """Labels found in the text, or shown by the platform beside it."""
    read = views.base(text).text
    return frozenset(
        label
        for label, exception in _EXCEPTION_OF.items()
        if label.value in context.platform_labels
        or any(regex.search(read) for regex in pack.excuses[exception].regexes)
    )


def missing_labels(pack: Pack, text: str, context: Context) -> frozenset[Label]:
    return required_labels(context) - carried_labels(pack, text, context)


def with_labels(text: str, labels: Iterable[Label], *, brand: str, store: str) -> str:
    """`text` with the labels written out: the advertising mark first, identity and origin last."""
    wanted = set(labels)
    lines = [text]
    if Label.ADVERTISEMENT in wanted:
        lines.insert(0, "广告")
    if Label.STAFF in wanted:
        lines.append(f"员工分享｜{brand} {store}")
    if Label.AI_GENERATED in wanted:
        lines.append("本内容由AI辅助生成")
    return "\n".join(lines)
