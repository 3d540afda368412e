"""Words: one normalization for every script, whatever the form in which a text was typed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsyml_cli.text.tokenize import Tokenizer, normalize, singular

english, tokenize = Tokenizer(english=True), Tokenizer(english=False)

SAMPLES = (
    "Robe d'été à fleurs; café CRÈME ﬁn Ångström Kelvin K İstanbul ISPARTA ışık Straße ΠΟΛΗ Ελλάς йод Ґанок Ёлка "
    "áo dài lụa Việt Nam señal ångström ḍāl लाल साड़ी सूती बच्चों পাঞ্জাবি শাড়ি பட்டு புடவை కంచి ಕನ್ನಡ കസവ് ਸੂਟ કુર્તી "
    "שִׂמְלָה שמלות مُحَمَّد فستان آبی می\u200cخواهم کتاب‌ها เสื้อผ้า ผ้าไหม ເສື້ອ អាវ အင်္ကျီ 手作り 陶器 ﾊﾞｯｸﾞ ケース 한국 도자기 각 "
    "T-Shirts 5¼ m² ½ Lego™ ④ Ⅷ １２３ co\u00adop zero\u200bwidth \ufeffbom 👩\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3 _ - ' \u0301 \u0307"
)
texts = st.lists(st.sampled_from(sorted(set(SAMPLES))) | st.characters(), max_size=30).map("".join)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("Red SCARF, 80cm!", ["red", "scarf", "80cm"]),
        ("navy_blue", ["navy", "blue"]),
        ("T-Shirts and v-neck", ["tshirt", "and", "vneck"]),
        ("mid-century 3-pack", ["mid", "century", "3", "pack"]),
        ("watches dresses boxes brushes", ["watch", "dress", "box", "brush"]),
        ("shirts shoes accessories", ["shirt", "shoe", "accessory"]),
        ("dress bus gas tennis", ["dress", "bus", "gas", "tennis"]),
        ("Men’s T‐Shirt", ["men", "s", "tshirt"]),
        ("Lego™ bricks®", ["lego", "brick"]),
        ("5¼ x 2½ in, 30㎝", ["5", "1", "4", "x", "2", "1", "2", "in", "30cm"]),
        ("!?", []),
        ("", []),
        (None, []),
    ],
)
def test_english_words(written, words):
    assert english(written) == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("लाल साड़ी सूती", ["लाल", "साड़ी", "सूती"]),  # scikit-learn's issue 30935
        ("বাংলা শাড়ি", ["বাংলা", "শাড়ি"]),
        ("பட்டு புடவை", ["பட்டு", "புடவை"]),
        ("Шарф шерстяной", ["шарф", "шерстяной"]),
        ("İstanbul IŞIK ışık", ["istanbul", "işik", "işik"]),
        ("Große Straße GROSSE STRASSE", ["grosse", "strasse"] * 2),
        ("Áo dài LỤA", ["áo", "dài", "lụa"]),
        ("Ελλάς ΕΛΛΆΣ", ["ελλάσ"] * 2),
        ("שִׂמְלָה שמלה", ["שמלה"] * 2),  # without vowel points, as they are mostly written
        ("مُحَمَّد محمد", ["محمد"] * 2),
        ("کتاب\u200cها کتابها", ["کتابها"] * 2),
        ("क\u094d\u200dष क\u094dष", ["क्ष"] * 2),
        ("co\u00adoperate zero\u200bwidth", ["cooperate", "zerowidth"]),
        ("п'ять пʼять п’ять", ["п", "ять"] * 3),
        ("한국 도자기", ["한국", "도자기"]),
        ("robes chiens bus", ["robes", "chiens", "bus"]),
    ],
)
def test_words_of_scripts_with_spaces(written, words):
    assert tokenize(written) == [unicodedata.normalize("NFKC", word) for word in words]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (
            "多くの学生が試験に落ちた",
            ["多く", "くの", "の学", "学生", "生が", "が試", "試験", "験に", "に落", "落ち", "ちた"],
        ),
        ("学", ["学"]),
        ("一个 茶", ["一个", "茶"]),
        ("iPhoneケース3個", ["iphone", "ケー", "ース", "3", "個"]),
        ("ﾊﾞｯｸﾞ", ["バッ", "ッグ"]),
        ("ผ้าไหม", ["ผ้า", "าไ", "ไห", "หม"]),
        ("1\u102d23 က\u102dလ", ["1\u102d23", "က\u102dလ"]),  # a mark of another script
        ("เสื้อ silk", ["เสื้", "สื้อ", "silk"]),
        ("ເສື້ອ", ["ເສື້", "ສື້ອ"]),
    ],
)
def test_scripts_without_spaces_give_pairs_of_characters(written, words):
    """The first example is that of Lucene's CJKAnalyzer."""
    assert tokenize(written) == words


@given(texts)
def test_composed_and_decomposed_texts_have_the_same_words(text):
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert tokenize(composed) == tokenize(decomposed) == tokenize(text)


@given(texts)
def test_compatible_forms_and_case_make_no_difference(text):
    assert normalize(normalize(text)) == normalize(text)
    assert tokenize(normalize(text)) == tokenize(text)


@given(st.text(st.sampled_from([c for c in SAMPLES if c.isalpha() or c == " "])))
def test_capitals_have_the_same_words(text):
    assert tokenize(text.upper()) == tokenize(text) == tokenize(text.lower())


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_ascii_has_the_words_of_any_other_text(text):
    """A text with one word of another script takes the other path."""
    assert tokenize(text + " шарф") == [*tokenize(text), "шарф"]


@given(texts, texts)
def test_words_of_joined_texts_are_those_of_each(first, second):
    assert tokenize(f"{first} {second}") == [*tokenize(first), *tokenize(second)]


@given(texts)
def test_every_letter_is_in_a_word_and_no_word_begins_with_a_mark(text):
    words = tokenize(text)
    assert {c for c in normalize(text) if c.isalnum()} == {c for word in words for c in word if c.isalnum()}
    assert all(word[0].isalnum() for word in words)


@given(texts)
def test_english_words_are_the_others_in_the_singular(text):
    assert english(text) == [*map(singular, tokenize(text))]
