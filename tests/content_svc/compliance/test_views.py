import random
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from content_svc.compliance import views

# Letters, Han, emoji, marks and invisible characters that sellers use to hide a word.
DISGUISES = "最頂級国家薇信❤️ⓋⅤａ１①➊🅥🇻аοI\u200b\u200d\ufe0f⃣㎏½ﬀ。，；！? \n·.　"
TEXTS = st.text(max_size=40) | st.text(alphabet=DISGUISES, max_size=40)

settings.register_profile("views", deadline=None, max_examples=300)
settings.load_profile("views")


@given(TEXTS)
def test_every_span_lies_in_the_text_and_in_order(text: str) -> None:
    read = views.base(text)
    bare = views.skeleton(read)

    for view in (read, bare, views.digits(bare), views.pinyin(bare)):
        assert len(view.text) == len(view.start) == len(view.end)
        assert all(
            0 <= start < end <= len(text) for start, end in zip(view.start, view.end, strict=True)
        )
        assert list(view.start) == sorted(view.start)
        assert list(view.end) == sorted(view.end)


@given(TEXTS, st.integers(0, 40), st.integers(0, 40))
def test_the_base_of_a_slice_is_the_slice_of_the_base(text: str, one: int, other: int) -> None:
    low, high = sorted((min(one, len(text)), min(other, len(text))))

    read = views.base(text)

    of_slice = "".join(
        char for char, start in zip(read.text, read.start, strict=True) if low <= start < high
    )
    assert views.base(text[low:high]).text == of_slice


@given(TEXTS)
def test_reading_a_second_time_changes_nothing(text: str) -> None:
    once = views.base(text)
    bare = views.skeleton(once)

    assert views.base(once.text).text == once.text
    assert views.skeleton(bare).text == bare.text


def test_no_unicode_string_raises() -> None:
    draw = random.Random(20261122)
    for _ in range(10_000):
        text = "".join(chr(draw.randrange(sys.maxunicode + 1)) for _ in range(draw.randrange(24)))
        bare = views.skeleton(views.base(text))
        views.digits(bare)
        views.pinyin(bare)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("ＡＢＣ１２３", "abc123"),
        ("國家級", "国家级"),
        ("国\u200b家\u2060级", "国家级"),
        ("1️⃣3️⃣8️⃣", "138"),
        ("Ⓥ🅥🇻ⓥ", "vvvv"),
        ("➊➋⓬", "1212"),
        ("аррle", "apple"),
        ("ᴡѡꓫ", "wwx"),
        ("㎏", "kg"),
        ("，！？；：", ",!?;:"),
        ("é́", "é"),
    ],
)
def test_disguises_that_fold_away(written: str, read: str) -> None:
    assert views.base(written).text == read


def test_one_character_that_spells_several_keeps_one_span() -> None:
    view = views.base("重5㎏装")

    assert view.text == "重5kg装"
    assert view.span(2, 3) == view.span(3, 4) == view.span(2, 4) == (2, 3)


def test_a_dropped_mark_widens_the_character_before_it() -> None:
    view = views.base("薇\ufe0f\u200b信")

    assert view.text == "薇信"
    assert view.span(0, 1) == (0, 3)
    assert view.span(0, 2) == (0, 4)


def test_the_skeleton_skips_symbols_and_breaks_at_sentence_punctuation() -> None:
    assert views.skeleton(views.base("国·家 🌸级")).text == "国家级"
    assert views.skeleton(views.base("国家，级别")).text == "国家\n级别"


def test_only_lines_with_something_skipped_are_read_again() -> None:
    text = "平常的话。国·家级，干净的话\n第 一！"
    bare = views.skeleton(views.base(text))

    gapped = views.gapped_lines(bare)

    assert gapped.text == "国家级\n第一\n"
    assert [text[start:end] for start, end in zip(gapped.start, gapped.end, strict=True)] == [
        *"国家级，第一！"
    ]


def test_digits_reads_numbers_in_words_and_letters_beside_digits() -> None:
    def read(text: str) -> str:
        return views.digits(views.skeleton(views.base(text))).text

    assert read("幺三八零零壹叁捌") == "13800138"
    assert read("138oo13l") == "13800131"
    assert read("hello kolo") == "hellokolo"


def test_characters_of_one_syllable_share_one_code() -> None:
    assert views.sound("保本") == views.sound("宝苯")
    assert len(views.sound("保本abc")) == 5
    assert all(unicodedata.category(code) == "Co" for code in views.sound("保本"))
