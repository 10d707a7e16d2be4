"""A text that is made to say something else, with nothing changed that need not be."""

import json
import re
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.config import yaml_text
from orchestrator.config.editing import json_edit, yaml_edit
from orchestrator.config.editing.alignment import same
from orchestrator.config.editing.yaml_writing import flow, quoted, scalar

SEED = settings(max_examples=80, deadline=None, derandomize=True)


def yaml_data(text):
    return yaml_text.read(text, "config").data


# -- random documents --------------------------------------------------------------------------------------------

KEYS = st.sampled_from(["a", "b", "c d", "on", "9:30", "e", "#f", ""])
WORDS = st.sampled_from(["x", "it's", "yes", "16:00", "# no", "a: b", "", "1e3", "~", "ü", "\x85", "two\nlines\n", "-"])
SCALARS = WORDS | st.booleans() | st.none() | st.integers(-5, 500) | st.sampled_from([0.1, 2.5e-9, 12.0])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)


class Author:
    """Writes data as YAML as a person might who keeps to no style. Comments in lines of their own are numbered."""

    def __init__(self, draw):
        self.draw = draw
        self.number = 0

    def either(self, *what):
        return self.draw(st.sampled_from(what))

    def document(self, data):
        head = self.either("", "---\n", "%YAML 1.1\n---\n", "\n\n", "# first\n")
        end = self.either("", "...\n", "# last\n", "\n\n")
        return head + "".join(line + "\n" for line in self.mapping(data, self.either("", "  "))) + end

    def comments(self, indent):
        for _ in range(self.either(0, 0, 1)):
            self.number += 1
            yield f"{self.either('', indent)}# line {self.number}."
        yield from [""] * self.either(0, 0, 0, 1)

    def mapping(self, data, indent):
        for key, value in data.items():
            yield from self.comments(indent)
            yield from self.entry(f"{indent}{self.key(key)}:", value, indent)

    def entry(self, head, value, indent):
        inner = indent + self.either("  ", "   ")
        if isinstance(value, dict) and value and self.either(True, False):
            yield head + self.remark()
            yield from self.mapping(value, inner)
        elif isinstance(value, list) and value and self.either(True, False):
            yield head + self.remark()
            yield from self.items(value, self.either(indent, inner))
        elif value == "two\nlines\n" and self.either(True, False):
            yield from [f"{head} |{self.remark()}", f"{inner}two", f"{inner}lines", *self.either([], [""])]
        elif value is None and self.either(True, False):
            yield head + self.remark()
        else:
            yield f"{head}{self.either(' ', '   ')}{self.inline(value, inner)}{self.remark()}"

    def items(self, data, indent):
        for value in data:
            yield from self.comments(indent)
            if isinstance(value, dict) and value and self.either(True, False):
                first, *rest = self.mapping_only(value, indent + "  ")
                yield from [f"{indent}- {first.lstrip()}", *rest]
            elif isinstance(value, list) and value and self.either(True, False):
                yield f"{indent}-{self.remark()}"
                yield from self.items(value, indent + "  ")
            else:
                yield f"{indent}- {self.inline(value, indent + '  ')}{self.remark()}"

    def mapping_only(self, data, indent):
        for number, (key, value) in enumerate(data.items()):
            if number:
                yield from self.comments(indent)
            yield from self.entry(f"{indent}{self.key(key)}:", value, indent)

    def inline(self, value, indent):
        if not isinstance(value, dict | list):
            return self.scalar(value)
        parts = (
            [self.inline(item, indent) for item in value]
            if isinstance(value, list)
            else [f"{self.key(key)}: {self.inline(inner, indent)}" for key, inner in value.items()]
        )
        opening, closing = "[]" if isinstance(value, list) else "{}"
        if parts and self.either(True, False):
            return opening + self.lines(parts, indent) + f"\n{indent}{closing}"
        return opening + self.either("", " ") + self.either(", ", ",  ").join(parts) + closing

    def lines(self, parts, indent):
        text = ""
        for number, part in enumerate(parts, 1):
            text += "".join(f"\n{line}" for line in self.comments(indent))
            comma = "," if number < len(parts) else self.either("", ",")
            text += f"\n{indent}{part}{comma}{self.remark()}"
        return text

    def remark(self):
        return self.either("", "", "  # remark")

    def key(self, key):
        return self.either(scalar(key), json.dumps(key))

    def scalar(self, value):
        if isinstance(value, str) and self.either(True, False):
            return quoted(value)
        if isinstance(value, str) and value.isprintable() and self.either(True, False):
            return "'" + value.replace("'", "''") + "'"
        return flow(value)


@st.composite
def yaml_texts(draw):
    data = draw(DOCUMENTS)
    text = Author(draw).document(data)
    return draw(st.sampled_from([text, text, text.rstrip("\n"), text.replace("\n", "\r\n")]))


@st.composite
def changed(draw, data):
    """The data with something changed in it, somewhere."""
    if isinstance(data, dict) and data:
        kept = {key: draw(changed(value)) for key, value in data.items() if draw(st.integers(0, 4))}
        return kept | (draw(st.dictionaries(KEYS, VALUES, max_size=2)) if draw(st.integers(0, 2)) == 0 else {})
    if isinstance(data, list) and data:
        kept = [draw(changed(value)) for value in data if draw(st.integers(0, 4))]
        if draw(st.integers(0, 2)) == 0:
            kept.insert(draw(st.integers(0, len(kept))), draw(VALUES))
        return kept
    return draw(VALUES) if draw(st.integers(0, 3)) == 0 else deepcopy(data)


@SEED
@given(st.data())
def test_any_yaml_can_be_made_to_say_anything_else(data):
    text = data.draw(yaml_texts())
    target = data.draw(changed(yaml_data(text)))
    edited = yaml_edit.edit(text, target)
    assert same(yaml_data(edited) or {}, target), edited


@st.composite
def gently_changed(draw, data):
    """The data with other scalars, and with scalars more or less; a list of lists or mappings only has more."""
    if isinstance(data, dict):
        kept = {key: draw(gently_changed(value)) for key, value in data.items() if value or draw(st.integers(0, 2))}
        return kept | (
            draw(st.dictionaries(KEYS.map("new ".__add__), VALUES, max_size=1)) if draw(st.booleans()) else {}
        )
    if isinstance(data, list):
        flat = not any(isinstance(value, dict | list) for value in data)
        kept = [draw(gently_changed(value)) for value in data if draw(st.integers(0, 2))] if flat else data
        return kept + (draw(st.lists(SCALARS, max_size=1)) if draw(st.booleans()) else [])
    return draw(SCALARS) if draw(st.integers(0, 3)) == 0 else data


@SEED
@given(st.data())
def test_comments_survive_what_is_changed_around_them(data):
    text = data.draw(yaml_texts())
    target = data.draw(gently_changed(yaml_data(text)))
    edited = yaml_edit.edit(text, target)
    assert same(yaml_data(edited) or {}, target), edited
    assert re.findall(r"# (?:line \d+\.|first|last)", text) == re.findall(r"# (?:line \d+\.|first|last)", edited), (
        edited
    )


@SEED
@given(yaml_texts())
def test_what_says_it_already_is_left_alone(text):
    assert yaml_edit.edit(text, yaml_data(text)) == text


@st.composite
def json_texts(draw):
    indent = draw(st.sampled_from([None, 1, 2, 4, "\t"]))
    separators = draw(st.sampled_from([None, (",", ":"), (" , ", " : ")]))
    text = json.dumps(draw(DOCUMENTS), indent=indent, separators=separators, ensure_ascii=draw(st.booleans()))
    around = draw(st.sampled_from(["{}", "{}\n", "\n {}\n\n"])).replace("{}", text)
    return draw(st.sampled_from([around, around.replace("\n", "\r\n")]))


@SEED
@given(st.data())
def test_any_json_can_be_made_to_say_anything_else(data):
    text = data.draw(json_texts())
    target = data.draw(changed(json.loads(text)))
    edited = json_edit.edit(text, target)
    assert same(json.loads(edited), target), edited
    assert json_edit.edit(text, json.loads(text)) == text


@pytest.mark.parametrize(
    ("text", "target", "after"),
    [
        (
            "- old: 1\n  b: 2\n- b: 2\n",
            [{"b": 2, "c": 3}, {"b": 2}],
            "- b: 2\n  c: 3\n- b: 2\n",
        ),
        ("- a  # first\n- c\n", ["a", "b", "c"], "- a  # first\n- b\n- c\n"),
        ("- b  # second\n", ["a", "b"], "- a\n- b  # second\n"),
        ("- a: 1\n  b: 2\n", [{"b": 2}], "- b: 2\n"),
        ("- a: 1\n", [{}], "- {}\n"),
        ("- a  # gone\n# stays\n- b\n", ["b"], "# stays\n- b\n"),
        ("[a, b, c]", ["a", "c"], "[a, c]"),
        ("[a, b, c,]", ["a", "b"], "[a, b,]"),
        ("[\n  a,\n  b  # last\n]\n", ["a", "b", "c"], "[\n  a,\n  b,  # last\n  c\n]\n"),
        ("[\n  a,  # first\n  b,\n]\n", ["b", "c"], "[\n  b,\n  c,\n]\n"),
        ("[\n  a,\n  # why\n  b\n]\n", ["a"], "[\n  a\n  # why\n]\n"),
    ],
)
def test_lists_keep_their_style_and_the_comments_of_what_stays(text, target, after):
    lines = [f"  {line}" for line in text.splitlines(keepends=True)]
    wanted = "".join(["x:\n", *(f"  {line}" for line in after.splitlines(keepends=True))])
    assert yaml_edit.edit("".join(["x:\n", *lines]), {"x": target}) == wanted


def test_what_ends_in_one_place_ends_from_the_inside():
    edited = yaml_edit.edit("a:\n  b:\n    c: 1\n", {"a": {"b": {"c": 1, "d": 2}, "e": 3}, "f": 4})
    assert edited == "a:\n  b:\n    c: 1\n    d: 2\n  e: 3\nf: 4\n"


def test_mappings_are_added_in_the_style_of_those_beside_them():
    assert (
        yaml_edit.edit("x:\n  a: {b: 1}\n", {"x": {"a": {"b": 1}, "c": {"d": 1}}}) == "x:\n  a: {b: 1}\n  c: {d: 1}\n"
    )
    assert yaml_edit.edit("x:\n  a:\n    b: 1\n", {"x": {"a": {"b": 1}, "c": {"d": 1}}}).endswith("  c:\n    d: 1\n")


@pytest.mark.parametrize(
    ("old", "new"), [("'a'", "'it''s'"), ('"a"', '"it\'s"'), ("a", '"it\'s"'), ("'a'", '"two\\nlines"')]
)
def test_text_keeps_its_quotes_where_they_can_hold_it(old, new):
    target = "two\nlines" if "two" in new else "it's"
    assert yaml_edit.edit(f"x: {old}  # c\n", {"x": target}) == f"x: {new}  # c\n"


def test_true_is_not_one():
    assert yaml_edit.edit("x: 1\n", {"x": True}) == "x: true\n"
    assert yaml_edit.edit("x: 1\n", {"x": 1.0}) == "x: 1\n"


def test_json_is_in_lines_where_it_was():
    text = '{\n\t"a": {},\n\t"b": [1, 2]\n}\n'
    edited = json_edit.edit(text, {"a": {"c": 1}, "b": [2, 3], "d": []})
    assert edited == '{\n\t"a": {\n\t\t"c": 1\n\t},\n\t"b": [2, 3],\n\t"d": []\n}\n'
