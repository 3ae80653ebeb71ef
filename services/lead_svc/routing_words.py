"""How a routing decision is put into words: for the seller, the manager and the auditor."""

from collections.abc import Mapping

STEPS = {
    "author": "来自您发布的内容或您的账号",
    "store": "来自您所在的门店",
    "region": "来自您所在的区域",
    "brand": "来自您所在的品牌",
}
STEP_NAMES = {"author": "作者优先", "store": "同店", "region": "同区域", "brand": "全品牌"}
REJECTIONS = {
    "not_a_seller": "非销售岗位",
    "departed": "已离职",
    "absent": "休假中",
    "leaving": "正在交接",
    "account_suspended": "账号已停用",
    "uncertified": "未持有所需证书",
    "full": "在手线索已满",
    "tried": "已分配过此线索",
}
TIE_BREAKS = {
    "only_one": "仅此一人可接",
    "load": "在手线索占比最低",
    "waited_longest": "距上次分配时间最长",
    "id": "各项相同，按编号先后",
}
POOL_REASONS = {
    "nobody_able": "没有可接单的销售",
    "max_offers": "分配次数已达上限",
}


def offered(
    *,
    step: str,
    distance: int,
    tie_break: str,
    load: str,
    minutes: float,
    grade: str,
    considered: int,
    rejected: Mapping[str, int],
    policy_version: int,
) -> dict[str, str]:
    causes = _causes(rejected)
    return {
        "kos": f"这条线索{STEPS[step]}，由您跟进，请在 {minutes:g} 分钟内接单。",
        "manager": (
            f"按“{STEP_NAMES[step]}”分配：考虑 {considered} 人，不可接 {causes}；"
            f"选中理由：{TIE_BREAKS[tie_break]}（在手 {load}）。"
        ),
        "auditor": (
            f"策略版本 {policy_version}；等级 {grade}；步骤 {step}，上溯 {distance} 级；"
            f"候选 {considered}；排除 {causes}；排序依据 {tie_break}；时限 {minutes:g} 分钟。"
        ),
    }


def pooled(
    *, reason: str, considered: int, rejected: Mapping[str, int], policy_version: int
) -> dict[str, str]:
    causes = _causes(rejected)
    return {
        "kos": f"这条线索已进入公海：{POOL_REASONS[reason]}。",
        "manager": f"进入公海：{POOL_REASONS[reason]}；考虑 {considered} 人，不可接 {causes}。",
        "auditor": f"策略版本 {policy_version}；原因 {reason}；候选 {considered}；排除 {causes}。",
    }


def _causes(rejected: Mapping[str, int]) -> str:
    if not rejected:
        return "0 人"
    return "、".join(f"{REJECTIONS[cause]} {count} 人" for cause, count in sorted(rejected.items()))
