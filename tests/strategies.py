"""Hypothesis strategies shared by all tests: one per core type, named in the plural."""

from hypothesis import strategies as st

from kithspace.core.ids import ID_BYTES
from kithspace.core.stamp import Stamp

feeds = st.binary(min_size=ID_BYTES, max_size=ID_BYTES)
now_ms = st.integers(min_value=0, max_value=2**46)
stamps = st.builds(
    Stamp, time=st.integers(min_value=0, max_value=2**63 - 1), feed=feeds, branch=st.just(b"")
)
