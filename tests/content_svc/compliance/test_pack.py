import shutil
from datetime import date
from pathlib import Path

import pytest

from content_svc.compliance import Context, PackError, Verdict, check, default_pack, load_pack
from content_svc.compliance.pack import RULES_FOLDER

RULE_IDS = """
ABS-01 ABS-02 ABS-03 GOV-01 SOC-01 PRC-01 DAT-01 PAT-01 CMP-01 FAK-01 ENG-01 MED-01 MED-02 MED-03
MED-04 COS-01 COS-02 COS-03 COS-04 FOD-01 BAB-01 BAB-02 EDU-01 EDU-02 EDU-03 EDU-04 FIN-01 FIN-02
FIN-03 FIN-04 FIN-05 AUT-01 AUT-02 AUT-03 LUX-01 LUX-02 DIV-01 DIV-02 DIV-03 DIS-01 DIS-02 AIG-01
PII-01 BRD-01 BRD-02
""".split()

RULE = """
[[rule]]
id = "NEW-01"
title = "A rule of the test"
basis = "none"
severity = "review"
suggestion = "改写。"
source = "test"
valid_from = 2020-01-01

[[rule.match]]
{row}
"""


@pytest.fixture
def rules_folder(tmp_path: Path) -> Path:
    shutil.copytree(RULES_FOLDER, tmp_path / "rules")
    return tmp_path / "rules"


def with_rule(folder: Path, row: str) -> Path:
    (folder / "trial.toml").write_text(RULE.format(row=row), encoding="utf-8")
    return folder


def test_c5_the_pack_holds_every_rule_with_its_basis_and_a_suggestion() -> None:
    pack = default_pack()

    assert sorted(rule.id for rule in pack.rules) == sorted(RULE_IDS)
    assert all(rule.basis and rule.suggestion and rule.source for rule in pack.rules)


def test_c5_a_changed_rule_changes_the_digest(rules_folder: Path) -> None:
    unchanged = load_pack(rules_folder)
    changed = load_pack(with_rule(rules_folder, 'terms = ["青禾特惠"]'))

    assert unchanged.digest == default_pack().digest
    assert changed.digest != unchanged.digest
    assert changed.version == unchanged.version


def test_c5_a_new_rule_needs_only_its_row(rules_folder: Path) -> None:
    pack = load_pack(with_rule(rules_folder, 'terms = ["青禾特惠"]'))
    context = Context("general", "douyin", date(2026, 11, 22))

    result = check(pack, "今天有青禾特惠。", context)

    assert result.verdict is Verdict.REVIEW
    assert [finding.rule_id for finding in result.findings] == ["NEW-01"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('terms = ["药"]', "trial.toml: NEW-01: match.terms: '药': one character is not a term"),
        (
            "patterns = ['顶级(']",
            "trial.toml: NEW-01: match.patterns: '顶级(': missing ): 顶级(",
        ),
        (
            "patterns = ['頂级']",
            "trial.toml: NEW-01: match.patterns: '頂级' is read as '顶级'; write it so",
        ),
        ("patterns = ['好?']", "trial.toml: NEW-01: match.patterns: '好?' matches nothing at all"),
        ("patterns = ['{nothing}']", "trial.toml: NEW-01: match.patterns: no word class {nothing}"),
        ('detector = "radar"', "trial.toml: NEW-01: match.detector: no detector 'radar'"),
        (
            'terms = ["青禾"]\nexceptions = ["mercy"]',
            "trial.toml: NEW-01: match.exceptions: no exception 'mercy'",
        ),
        (
            'sounds_like = ["保本"]',
            "trial.toml: NEW-01: match.sounds_like: '保本' is too short",
        ),
        (
            'severity = "fatal"',
            "trial.toml: NEW-01: match.0.severity: Input should be <Verdict.REVIEW: 'review'> "
            "or <Verdict.BLOCK: 'block'>",
        ),
        ("term = []", "trial.toml: NEW-01: match.0.term: Extra inputs are not permitted"),
    ],
)
def test_c5_a_bad_row_is_refused_with_file_rule_and_field(
    rules_folder: Path, row: str, problem: str
) -> None:
    with pytest.raises(PackError) as refused:
        load_pack(with_rule(rules_folder, row))

    assert str(refused.value) == problem


def test_c5_one_id_is_used_once(rules_folder: Path) -> None:
    shutil.copy(rules_folder / "food.toml", rules_folder / "food_again.toml")

    with pytest.raises(PackError, match="food_again.toml: FOD-01: id: used twice"):
        load_pack(rules_folder)


def test_c5_a_file_that_is_not_toml_is_named(rules_folder: Path) -> None:
    (rules_folder / "trial.toml").write_text("rule = [", encoding="utf-8")

    with pytest.raises(PackError, match=r"trial\.toml: "):
        load_pack(rules_folder)


def test_c5_a_pack_without_a_version_is_refused(rules_folder: Path) -> None:
    (rules_folder / "pack.toml").write_text("", encoding="utf-8")

    with pytest.raises(PackError, match=r"pack\.toml: version is missing"):
        load_pack(rules_folder)
