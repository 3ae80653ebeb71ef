import shutil
from datetime import date
from pathlib import Path

import pytest

from content_svc.compliance import Context, PackError, Verdict, check, default_pack, load_pack
from content_svc.compliance.pack import RULES_FOLDER

RULES_PER_AREA = {
    "ABS": 3,
    "GOV": 1,
    "SOC": 1,
    "PRC": 1,
    "DAT": 1,
    "PAT": 1,
    "CMP": 1,
    "FAK": 1,
    "ENG": 1,
    "MED": 4,
    "COS": 4,
    "FOD": 1,
    "BAB": 2,
    "EDU": 4,
    "FIN": 5,
    "AUT": 3,
    "LUX": 2,
    "DIV": 3,
    "DIS": 2,
    "AIG": 1,
    "PII": 1,
    "BRD": 2,
}

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


@pytest.fixture
def bare_folder(tmp_path: Path) -> Path:
    """Only what every pack needs, without the rules, so that loading it is quick."""
    folder = tmp_path / "bare"
    folder.mkdir()
    for name in ("pack.toml", "words.toml", "stand_ins.toml", "exceptions.toml"):
        shutil.copy(RULES_FOLDER / name, folder / name)
    return folder


def with_rule(folder: Path, row: str) -> Path:
    (folder / "trial.toml").write_text(RULE.format(row=row), encoding="utf-8")
    return folder


def test_c5_the_pack_holds_every_rule_with_its_basis_and_a_suggestion() -> None:
    pack = default_pack()

    ids = {f"{area}-{n:02}" for area, last in RULES_PER_AREA.items() for n in range(1, last + 1)}
    assert {rule.id for rule in pack.rules} == ids
    assert len(pack.rules) == len(ids)
    assert all(rule.basis and rule.suggestion and rule.source for rule in pack.rules)


def test_c5_a_changed_rule_changes_the_digest(rules_folder: Path) -> None:
    unchanged = load_pack(rules_folder)
    changed = load_pack(with_rule(rules_folder, 'terms = ["青禾特惠"]'))

    assert unchanged.digest == default_pack().digest
    assert changed.digest != unchanged.digest
    assert changed.version == unchanged.version


def test_c5_a_new_rule_needs_only_its_row(bare_folder: Path) -> None:
    pack = load_pack(with_rule(bare_folder, 'terms = ["青禾特惠"]'))
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
    bare_folder: Path, row: str, problem: str
) -> None:
    with pytest.raises(PackError) as refused:
        load_pack(with_rule(bare_folder, row))

    assert str(refused.value) == problem


def test_c5_one_id_is_used_once(bare_folder: Path) -> None:
    shutil.copy(RULES_FOLDER / "food.toml", bare_folder / "food.toml")
    shutil.copy(RULES_FOLDER / "food.toml", bare_folder / "food_again.toml")

    with pytest.raises(PackError, match=r"food_again\.toml: FOD-01: id: used twice"):
        load_pack(bare_folder)


def test_c5_a_file_that_is_not_toml_is_named(bare_folder: Path) -> None:
    (bare_folder / "trial.toml").write_text("rule = [", encoding="utf-8")

    with pytest.raises(PackError, match=r"trial\.toml: "):
        load_pack(bare_folder)


def test_c5_a_pack_without_a_version_is_refused(bare_folder: Path) -> None:
    (bare_folder / "pack.toml").write_text("", encoding="utf-8")

    with pytest.raises(PackError, match=r"pack\.toml: version is missing"):
        load_pack(bare_folder)
