"""Whether titles are English: those of many kinds of shops are, and those of other languages are not."""

from __future__ import annotations

import pytest

from etsyml_cli.text.language import ENGLISH, OTHERS, TEXTS, is_english, plurals_of, tokenizer_for

ENGLISH_TITLES = [
    ["Handmade ceramic mug, gift for her", "Sterling silver ring", "Blue wool scarf", "Personalized name necklace"],
    ["Nike Men White Running Shoes", "Puma Women Black Handbag", "Fossil Analog Watch", "ADIDAS Unisex Backpack"],
    ["The Mummies of Urumchi", "Decision in Normandy", "What If?", "Beloved", "Where the Heart Is", "Jane Eyre"],
    ["red mug", "blue mug", "red thing"],
]
OTHER_TITLES = {
    "German": [
        "Halskette mit Anhänger aus Silber",
        "Ring 925 Silber Damen",
        "Geschenk für die Frau",
        "Tasse Black Cat",
    ],
    "German without umlauts": ["Ohrringe Gold", "Vintage Ring Silber", "Tasse weiss", "Kissen 40x40", "Baby Set Boho"],
    "French": ["Robe d'été à fleurs", "Boucles d'oreilles en argent", "Sac vintage cuir", "Tasse pour le café"],
    "Spanish": ["Camiseta de algodón", "Zapatillas deportivas hombre", "Collar para mujer", "Bolso Black vintage"],
    "Italian": ["Orecchini in argento", "Borsa di pelle", "Maglia da donna", "Anello con pietra"],
    "Portuguese": ["Caneca de cerâmica", "Vestido com flores", "Brincos de prata", "Bolsa preta"],
    "Dutch": ["Ketting met hanger", "Zilveren ring voor dames", "Mok met naam", "Tas van leer", "Het grote boek"],
    "Swedish": ["Halsband med berlock", "Mugg och fat", "Ring av silver", "Vas i glas"],
    "Turkish": ["Kadın için gümüş kolye", "Yün atkı ve bere", "Bakır fincan", "Deri çanta"],
    "Polish": ["Kubek z imieniem", "Torba ze skóry", "Naszyjnik srebrny", "Szalik na zimę"],
    "Indonesian": ["Tas kulit wanita", "Cangkir dan piring", "Baju untuk anak", "Kalung perak"],
    "Russian": ["Шарф шерстяной", "Кружка с именем", "Сумка", "Black Cat футболка"],
    "Japanese": ["手作り 陶器 カップ", "iPhone ケース black", "シルバー リング", "レザー バッグ"],
    "article numbers": ["SKU 1234", "X-200", "AB 77 C", "Model 5"],
    "English and French": ["Ceramic mug with handle", "Tasse en céramique", "The blue bowl", "Le bol bleu"],
}


@pytest.mark.parametrize("titles", ENGLISH_TITLES)
def test_english_titles(titles):
    assert is_english(titles)
    assert is_english([*titles, None])


@pytest.mark.parametrize("language", OTHER_TITLES)
def test_other_titles(language):
    assert not is_english(OTHER_TITLES[language])


def test_the_order_and_the_number_of_titles_do_not_matter():
    titles = [title for titles in ENGLISH_TITLES for title in titles]
    assert is_english(titles[::-1])
    assert is_english(titles * TEXTS)
    assert not is_english([])


def test_no_word_speaks_for_both():
    assert not ENGLISH & OTHERS


@pytest.mark.parametrize(("setting", "decided"), [("auto", "english"), ("english", "english"), ("none", "none")])
def test_the_setting_decides_and_auto_asks_the_titles(setting, decided):
    tokenize = tokenizer_for(setting, ["Blue wool scarf with pockets"])
    assert tokenize("mugs") == [{"english": "mug", "none": "mugs"}[decided]]
    assert plurals_of(tokenize) == decided
    assert tokenizer_for(plurals_of(tokenize)) == tokenize
