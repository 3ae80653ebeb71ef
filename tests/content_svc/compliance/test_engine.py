from datetime import date

import pytest

from content_svc.compliance import CheckResult, Context, Finding, Relation, Verdict, check
from content_svc.compliance.engine import worst_first_without_overlap
from content_svc.compliance.pack import default_pack

TODAY = date(2026, 11, 22)


def context(**overrides: object) -> Context:
    facts: dict[str, object] = {"industry": "general", "platform": "xiaohongshu", "today": TODAY}
    return Context(**(facts | overrides))  # type: ignore[arg-type]


def checked(text: str, **overrides: object) -> CheckResult:
    return check(default_pack(), text, context(**overrides))


def rules(result: CheckResult) -> list[str]:
    return [finding.rule_id for finding in result.findings]


def exceptions(result: CheckResult) -> set[str]:
    return {excused.exception for excused in result.excused}


def test_c5_a_finding_points_at_the_words_the_seller_wrote() -> None:
    text = "这款底盘\u200b堪称国．家．级，坐过就懂"

    result = checked(text, industry="auto")

    (finding,) = result.findings
    assert (finding.rule_id, finding.severity) == ("ABS-01", Verdict.BLOCK)
    assert finding.matched == text[finding.start : finding.end] == "国．家．级"
    assert finding.is_evasive
    assert finding.suggestion.startswith("去掉")
    assert finding.basis.startswith("广告法第九条")


def test_c5_a_clean_text_passes_with_nothing_to_say() -> None:
    result = checked("周末下午两点店里有试吃，想来的朋友直接过来。")

    assert result.verdict is Verdict.PASS
    assert result.findings == ()
    assert result.excused == ()


def test_c5_the_verdict_is_the_worst_finding() -> None:
    assert checked("98%的用户都选它。").verdict is Verdict.REVIEW
    assert checked("98%的用户都选它，国家级品质。").verdict is Verdict.BLOCK


@pytest.mark.parametrize(
    ("text", "industry", "exception"),
    [
        ("动力最大扭矩310牛米。", "auto", "technical_maximum"),
        ("高速上也不是自动驾驶，手要放好。", "auto", "negated"),
        ("老板说卖这个价只够保本。", "insurance", "cost_price"),
        ("我们在争取做到行业第一。", "general", "aim"),
        ("装护臀膏的盒子是食品级硅胶。", "mother_baby", "utensil"),
        ("上个月我们店里口碑最好的是这款台灯。", "general", "limited_fact"),
        ("所谓的稳赚不赔都是骗局。", "finance", "negated"),
        ("拼图缓解焦虑，治愈了我。", "general", "figure_of_speech"),
    ],
)
def test_c5_what_is_excused_names_its_exception(text: str, industry: str, exception: str) -> None:
    result = checked(text, industry=industry)

    assert result.verdict is Verdict.PASS
    assert exception in exceptions(result)


def test_c5_a_disguised_hit_is_not_excused_by_its_context() -> None:
    assert checked("我们不承诺保本保息。", industry="insurance").verdict is Verdict.PASS
    assert checked("我们不承诺保★本★保★息。", industry="insurance").verdict is Verdict.BLOCK


def test_c5_not_only_is_no_denial() -> None:
    assert checked("不仅包过，还送教材。", industry="education").verdict is Verdict.BLOCK


def test_c5_a_separator_never_joins_two_sentences() -> None:
    assert checked("我们讲国家，级别以后再说。").verdict is Verdict.PASS


def test_c5_overlapping_findings_keep_the_most_severe_then_the_longest() -> None:
    def finding(rule_id: str, severity: Verdict, start: int, end: int) -> Finding:
        return Finding(rule_id, severity, start, end, "", False, "", "")

    long_review = finding("DAT-01", Verdict.REVIEW, 0, 9)
    short_block = finding("ABS-01", Verdict.BLOCK, 2, 4)
    long_block = finding("ABS-02", Verdict.BLOCK, 2, 6)
    apart = finding("ENG-01", Verdict.REVIEW, 9, 12)

    kept = worst_first_without_overlap([long_review, short_block, long_block, apart])

    assert kept == [long_block, apart]


def test_c5_a_ranking_with_source_scope_and_period_goes_to_review() -> None:
    text = "据乘联会发布的2025年数据，本车型全国销量第一。"

    assert checked(text, industry="auto").verdict is Verdict.REVIEW
    assert checked("本车型全国销量第一。", industry="auto").verdict is Verdict.BLOCK


def test_c5_evidence_lowers_a_review_to_pass_but_never_a_block() -> None:
    claim = "用了专利配方，开盖就能闻到草木香。"

    assert checked(claim).verdict is Verdict.REVIEW
    proven = checked(claim, evidence=frozenset({"patent_number"}))
    assert proven.verdict is Verdict.PASS
    assert exceptions(proven) == {"evidence:patent_number"}
    ranked = "全国销量第一的面馆。"
    assert checked(ranked, evidence=frozenset({"ranking_source"})).verdict is Verdict.BLOCK


def test_c5_a_contact_in_plain_digits_and_in_words() -> None:
    plain = checked("打13800138000找我。")
    disguised = checked("打幺三八零零一三八零零零找我。")

    assert rules(plain) == ["DIV-01"]
    assert rules(disguised) == ["DIV-02"]
    assert plain.findings[0].matched == "13800138000"
    assert disguised.findings[0].matched == "幺三八零零一三八零零零"
    assert disguised.findings[0].is_evasive


def test_c5_a_longer_number_is_no_phone() -> None:
    assert checked("流水20261113800138000已入账。").verdict is Verdict.PASS
    assert checked("快递单号13800138000，麻烦查收。").verdict is Verdict.PASS


def test_c5_the_platforms_own_contact_is_allowed_there_only() -> None:
    invitation = "加一下我的企业微信，资料发您。"

    assert checked(invitation, platform="wecom").verdict is Verdict.PASS
    assert checked(invitation, platform="channels").verdict is Verdict.PASS
    assert checked(invitation, platform="xiaohongshu").verdict is Verdict.BLOCK


def test_c5_the_short_platform_id_means_the_same() -> None:
    text = "加我微信聊。"

    assert checked(text, platform="xhs") == checked(text, platform="xiaohongshu")


def test_c5_homophones_of_a_long_term_ask_for_review() -> None:
    result = checked("这个产品宝本保息，放心。")

    assert result.verdict is Verdict.REVIEW
    assert rules(result) == ["FIN-01"]
    assert result.findings[0].is_evasive


def test_c5_a_rule_is_silent_before_its_day() -> None:
    text = "戳下方链接看看。"

    assert rules(checked(text)) == ["DIS-01"]
    assert rules(checked(text, today=date(2023, 4, 30))) == []


def test_c5_words_of_another_trade_are_left_alone() -> None:
    assert rules(checked("包过，签约保录取。", industry="education")) != []
    assert rules(checked("这条路包过，不堵。", industry="auto")) == []


def test_c5_a_brands_never_word_counts_as_the_brand_set_it() -> None:
    never = {"闺蜜价": Verdict.REVIEW, "临期": Verdict.BLOCK}

    assert checked("今天有闺蜜价。", brand_never_words=never).verdict is Verdict.REVIEW
    result = checked("不是临 期货。", brand_never_words=never)
    assert result.verdict is Verdict.BLOCK
    assert rules(result) == ["BRD-01"]
    assert result.findings[0].matched == "临 期"
    assert result.findings[0].is_evasive


def test_c5_a_competitors_name_is_reviewed_and_blocked_when_run_down() -> None:
    names = ("星澜",)

    assert rules(checked("也有顾客拿星澜来比。", competitor_words=names)) == ["BRD-02"]
    belittled = checked("星澜的做工真是垃圾。", competitor_words=names)
    assert belittled.verdict is Verdict.BLOCK
    assert rules(belittled) == ["CMP-01"]


def test_c6_a_purchase_component_needs_a_mark() -> None:
    text = "今天用这个色号画个通勤妆。"

    assert rules(checked(text)) == []
    held = checked(text, has_purchase_component=True)
    assert rules(held) == ["DIS-01"]
    assert (held.findings[0].start, held.findings[0].end) == (len(text), len(text))
    assert rules(checked("广告｜" + text, has_purchase_component=True)) == []


def test_c6_machine_made_text_must_say_so() -> None:
    assert rules(checked("今天聊聊换季。", is_ai_generated=True)) == ["AIG-01"]
    assert rules(checked("今天聊聊换季。本内容由AI辅助生成", is_ai_generated=True)) == []
    labelled = frozenset({"ai_generated"})
    assert rules(checked("换季。", is_ai_generated=True, platform_labels=labelled)) == []


def test_c6_a_finance_promotion_needs_the_institutions_approval() -> None:
    facts: dict[str, object] = {"industry": "insurance", "is_finance_promotion": True}

    assert rules(checked("来听一堂养老规划课。", **facts)) == ["FIN-05"]
    approved = frozenset({"institution_approval"})
    assert rules(checked("来听一堂养老规划课。", **facts, evidence=approved)) == []


def test_c6_staff_posing_as_a_buyer_is_refused_and_a_buyer_is_not() -> None:
    text = "自费买的真不是广告，已经用完一瓶。"

    assert checked(text).verdict is Verdict.BLOCK
    assert checked(text, relation=Relation.PAID).verdict is Verdict.BLOCK
    assert checked(text, relation=Relation.UNPAID_BUYER).verdict is Verdict.PASS


def test_c5_checking_is_deterministic() -> None:
    text = "顶级品质，全网最低价，加薇信详聊13800138000。"

    assert checked(text) == checked(text)
