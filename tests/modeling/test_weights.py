"""The weights of every family are counted from the config as they are once loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import SettingsError
from job.modeling.architecture import Architecture
from job.modeling.weights import count_weights, in_words, quantized_share, require_quantized
from job.settings.fields import LoraSettings
from tests.families import FAMILIES, Family, make_family_base
from tests.training.building import forward_of


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_families_are_counted_from_the_config_as_they_are_once_loaded(family: Family, tmp_path: Path) -> None:
    base = make_family_base(tmp_path, family)
    planned = Architecture.read(base, family.name)
    loaded = forward_of(base, targets=("auto",)).base
    for kind in ("4-bit linear", "experts", "linear"):
        found = [sum(c.parameters for c in count_weights(model) if c.kind == kind) for model in (planned.model, loaded)]
        if kind == "linear":  # the loaded model carries the adapter by now
            found[1] -= sum(parameter.numel() for parameter in loaded.parameters() if parameter.requires_grad)
        assert found[0] == found[1], kind
    assert (quantized_share(planned.model) < 0.9) == bool(family.refused)
    assert planned.adapter(LoraSettings()).parameters == sum(
        parameter.numel() for parameter in loaded.parameters() if parameter.requires_grad
    )


def test_a_base_with_too_few_weights_in_4_bits_is_refused_unless_allowed(tmp_path: Path) -> None:
    (mixtral,) = (family for family in FAMILIES if family.name == "mixtral")
    model = Architecture.read(make_family_base(tmp_path, mixtral), "mixtral").model
    require_quantized(model, "mixtral", allowed=True)
    with pytest.raises(SettingsError, match=r"only \d+% of the linear weights of mixtral .* MixtralExperts"):
        require_quantized(model, "mixtral", allowed=False)


def test_counts_are_shown_in_words() -> None:
    assert [in_words(count) for count in (1_230_000_000, 4_500_000, 7_000, 12)] == ["1.23 G", "4.5 M", "7 k", "12 "]
