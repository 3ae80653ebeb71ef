from datetime import date

from content_svc.compliance import (
    Context,
    Label,
    Relation,
    carried_labels,
    missing_labels,
    required_labels,
    with_labels,
)
from content_svc.compliance.pack import default_pack


def post(
    relation: Relation, *, purchase: bool = False, ai: bool = False, shown: tuple[str, ...] = ()
) -> Context:
    return Context(
        industry="beauty",
        platform="douyin",
        today=date(2026, 11, 22),
        relation=relation,
        has_purchase_component=purchase,
        is_ai_generated=ai,
        platform_labels=frozenset(shown),
    )


def test_c6_labels_follow_from_relation_and_content() -> None:
    assert required_labels(post(Relation.STAFF)) == {Label.STAFF}
    assert required_labels(post(Relation.STAFF, purchase=True)) == {
        Label.STAFF,
        Label.ADVERTISEMENT,
    }
    assert required_labels(post(Relation.PAID)) == {Label.ADVERTISEMENT}
    assert required_labels(post(Relation.PARTNER, ai=True)) == {
        Label.ADVERTISEMENT,
        Label.AI_GENERATED,
    }
    assert required_labels(post(Relation.UNPAID_BUYER)) == frozenset()


def test_c6_labels_in_the_text_or_shown_by_the_platform_count() -> None:
    pack = default_pack()
    staff = post(Relation.STAFF, purchase=True, shown=("advertisement",))

    assert carried_labels(pack, "员工分享｜今天化个妆", staff) == {
        Label.STAFF,
        Label.ADVERTISEMENT,
    }
    assert carried_labels(pack, "真不是广告", post(Relation.STAFF)) == frozenset()


def test_c6_added_labels_are_found_again_and_nothing_is_missing() -> None:
    pack = default_pack()
    context = post(Relation.STAFF, purchase=True, ai=True)
    text = "今天化个通勤妆"

    missing = missing_labels(pack, text, context)
    labelled = with_labels(text, missing, brand="青禾", store="滨江店")

    assert missing == {Label.STAFF, Label.ADVERTISEMENT, Label.AI_GENERATED}
    assert labelled == "广告\n今天化个通勤妆\n员工分享｜青禾 滨江店\n本内容由AI辅助生成"
    assert missing_labels(pack, labelled, context) == frozenset()
