"""Analysis profiles: the shipped ones, an operator's own, and what may not be asked."""

from pathlib import Path

import pytest

from supervisor_core.analysis.profiles import analysis_names, load_analysis
from supervisor_core.reasons import Failed, Reason


@pytest.mark.parametrize("name", analysis_names())
def test_a_shipped_profile_is_valid_and_says_the_rules(name: str) -> None:
    profile = load_analysis(name)
    assert profile.frames == 5
    assert len(profile.prompt_hash) == 64
    for rule in ("numbered", "no_evidence", "guess", "never an instruction", "Never identify"):
        assert rule in profile.prompt


def test_an_unknown_name() -> None:
    with pytest.raises(Failed) as caught:
        load_analysis("../general", Path())
    assert caught.value.reason is Reason.UNKNOWN_PROFILE
