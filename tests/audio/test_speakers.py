"""Who speaks: one spelling for what data sets write in many."""

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earnest.audio import AudioClip, Entry, Manifest, speakers

SPELLINGS = {
    "male": ("M", "m", "male", "Male", "MALE", " male ", "male_masculine", "Male-Masculine", "man", "Men", "männlich"),
    "female": ("F", "female", "Female", "female_feminine", "female feminine", "woman", "W", "weiblich", "mujer", "女"),
    "non-binary": ("non-binary", "Non_Binary", "nonbinary", "non binary"),
    "transgender": ("transgender", "Trans"),
    "intersex": ("intersex", "Intersex"),
    "agender": ("agender", "Agender"),  # unheard of here, and a group of its own
    None: ("do_not_wish_to_say", "Do not wish to say", "prefer not to say", "unknown", "Unknown", "other", "OTHER", "",
           " ", "n/a", "N/A", "NA", "none", "null", "nan", "-", "?", "--", "unspecified", None),
}  # fmt: skip  # a table: one row a line
BANDS = {
    "child": ("child", "Children", "kid", "CHILD "),
    "teenager": ("teens", "teen", "Teenager", "teenagers"),
    "adult": ("adult", "Adult", "adults", "grown-up"),
    "twenties": ("twenties", "Twenties"),
    "forties": ("fourties", "forties", "Fourties"),  # the first is Common Voice's
    "nineties": ("nineties",),
    "20-29": ("20-29",),
    None: ("unknown", "do_not_wish_to_say", "", "n/a"),
}


@pytest.mark.parametrize(("name", "spelling"), [(name, one) for name, every in SPELLINGS.items() for one in every])
def test_a_gender_has_one_name(name, spelling):
    assert speakers.gender(spelling) == name


@pytest.mark.parametrize(("name", "spelling"), [(name, one) for name, every in BANDS.items() for one in every])
def test_an_age_band_has_one_name(name, spelling):
    assert speakers.age_band(spelling) == name


@pytest.mark.parametrize(
    ("band", "stage"),
    [
        ("child", "child"), ("kids", "child"), ("0-12", "child"), ("6 to 12", "child"), ("5–9", "child"),
        ("teens", ""), ("teenager", ""), ("13-17", ""), ("10-19", ""), ("unknown", ""), (None, ""), ("12", ""),
        ("adult", "adult"), ("Twenties", "adult"), ("fourties", "adult"), ("nineties", "adult"), ("elderly", "adult"),
        ("18-25", "adult"), ("60+", "adult"), ("65 years", "adult"), ("Senior", "adult"), ("generation x", ""),
    ],
)  # fmt: skip  # a table: one row a line
def test_a_band_is_of_children_or_adults(band, stage):
    assert speakers.stage(band) == stage


@given(
    st.sampled_from([(name, one) for name, every in SPELLINGS.items() for one in every if one]),
    st.sampled_from([str.upper, str.lower, str.title, str.swapcase]),
    st.sampled_from([" ", "_", "-", "  "]),
    st.text(alphabet=" \t\n", max_size=3),
)
def test_case_separators_and_space_around_make_no_group(known, cased, separator, around):
    name, spelling = known
    other = around + cased(spelling).replace(" ", separator).replace("_", separator) + around
    assert speakers.gender(other) == name
    assert speakers.gender(speakers.gender(other)) == name  # what was read may be read again


@given(st.text(alphabet=string.ascii_letters + " _-", min_size=1))
def test_reading_again_changes_nothing(value):
    for read in (speakers.gender, speakers.age_band, speakers.accent):
        assert read(read(value)) == read(value)


def test_no_spelling_has_two_names():
    for table in (speakers.GENDERS, speakers.AGE_BANDS):
        for spelling, name in table.items():
            assert spelling == speakers.plain(spelling), "the table is looked up by plain spellings"
            assert speakers.plain(spelling) not in speakers.UNKNOWN
            assert table.get(speakers.plain(name), name) == name


# ---- as manifests read them ----


def written(folder, columns, *rows):
    AudioClip(np.full(80, 0.1, np.float32), 8000).write(folder / "a.wav")
    lines = [",".join(("path", "id", *columns)), *(f"a.wav,{n}," + ",".join(row) for n, row in enumerate(rows))]
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Manifest.read(folder)


def test_a_manifest_has_two_genders_however_they_are_written(tmp_path):
    pattern = ("M", "male", "Male", "female", "F", "do_not_wish_to_say")
    manifest = written(tmp_path, ["gender"], *((pattern[n % 6],) for n in range(24)))
    genders = [entry.gender for entry in manifest]
    assert (genders.count("male"), genders.count("female"), genders.count(None)) == (12, 8, 4)
    assert manifest.columns == {"gender": 20}


def test_an_accent_keeps_the_commonest_spelling_of_the_data(tmp_path):
    manifest = written(
        tmp_path,
        ["accent", "race"],
        ("US", "Asian"),
        (" us", "asian"),
        ("US", ""),
        ("Indian English", "asian"),
        ("indian_english", "unknown"),
        ("Indian English", "Black"),
        ("unknown", ""),
        ("Other", ""),
    )
    assert [entry.accent for entry in manifest] == ["US"] * 3 + ["Indian English"] * 3 + [None, None]
    assert [entry.value("race") for entry in manifest] == [
        "asian",
        "asian",
        None,
        "asian",
        "unknown",
        "Black",
        None,
        None,
    ]
    assert manifest["1"].clip().n_samples == 80  # an entry that was spelt anew still knows its folder


def test_accents_that_differ_stay_as_they_are_written(tmp_path):
    accents = ["en-us", "en-us-nyc", "USA/neutral", "Mandarin L1", "England English"]
    assert [e.accent for e in written(tmp_path, ["accent"], *((a,) for a in accents))] == accents


def test_an_age_may_be_a_band_as_common_voice_has_it(tmp_path):
    manifest = written(tmp_path, ["age"], ("twenties",), ("fourties",), ("31",), ("",), ("teens",))
    assert [entry.age_band for entry in manifest] == ["twenties", "forties", None, None, "teenager"]
    assert [entry.age for entry in manifest] == [None, None, 31, None, None]
    assert Entry(path="a.wav", age="twenties", age_band="adult").age_band == "adult"
