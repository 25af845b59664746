"""Attacks on signatures: edges where verifiers differ, and labels that must not meet."""

import re
from pathlib import Path
from typing import get_args

import pytest

import kithspace.core.crypto as crypto_module
from kithspace.core import crypto
from tests.vectors.signature_vectors import LABEL, MESSAGE, Case, cases


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.title)
def test_eddsa_edge_vectors(case: Case) -> None:
    assert crypto.verify(case.public, LABEL, MESSAGE, case.sig) is case.accept


def test_labels_are_unique() -> None:
    """A label fits its field, and stands once in the list."""
    labels = get_args(crypto.Label)
    assert len(set(labels)) == len(labels)
    assert all(len(label.encode()) <= 16 and label.startswith("ks1/") for label in labels)


def test_no_label_is_made_up_outside_the_list() -> None:
    root = Path(crypto_module.__file__).parents[1]
    text = "".join(path.read_text(encoding="utf-8") for path in root.rglob("*.py"))
    names_of_sides = {"ks1/inviter", "ks1/joiner"}  # J2: SPAKE2's, they label no hash
    found = set(re.findall(r'"(ks1/[a-z]+)"', text)) - names_of_sides
    assert found <= set(get_args(crypto.Label))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_verifies_nothing(length: int) -> None:
    assert not crypto.verify(bytes(length), LABEL, MESSAGE, bytes(64))
