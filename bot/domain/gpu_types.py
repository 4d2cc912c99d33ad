"""What kinds of GPUs are called: people say ``a100``, devices say ``NVIDIA A100-SXM4-80GB``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bot.domain.holdings import GpuOnHost

_MAKERS = re.compile(r"\A(?:(?:nvidia|tesla|geforce|quadro|amd|instinct)[\s_-]+)+", re.IGNORECASE)
_LETTERS_OR_DIGITS = re.compile(r"[A-Za-z0-9]+")
_SEPARATORS = r"[^a-z0-9]*"


def type_name(model: str) -> str:
    """Return what a model is called as one word: without its maker, ``-`` for each gap."""
    words = _LETTERS_OR_DIGITS.findall(_MAKERS.sub("", model.strip()))
    return "-".join(words) or "unknown"


def known_types(models: Iterable[str]) -> tuple[str, ...]:
    """Return the names of all kinds of GPUs, each once, sorted."""
    return tuple(sorted({type_name(model) for model in models}))


def matching_models(wanted: str, models: Iterable[str]) -> frozenset[str]:
    """Return the models that a word such as ``a100`` or ``rtx4090`` means; case does not matter.

    The word stands anywhere in the model, but never in the middle of a name or of a number: ``a10``
    is no A100.  Where some model has it as a whole name, only those are meant: ``l40`` is no L40S
    on a site that has both.
    """
    signs = re.sub(r"[^a-z0-9]", "", wanted.lower())
    if not signs:
        return frozenset()
    body = _SEPARATORS.join(re.escape(sign) for sign in signs)
    ends = "(?![0-9])" if signs[-1].isdigit() else ""
    loose = re.compile(rf"(?<![a-z0-9]){body}{ends}")
    whole = re.compile(rf"(?<![a-z0-9]){body}(?![a-z0-9])")
    all_models = set(models)
    exact = {model for model in all_models if whole.search(model.lower())}
    found = exact or {model for model in all_models if loose.search(model.lower())}
    return frozenset(found)


def gpus_of_type(wanted: str, gpus: Sequence[GpuOnHost]) -> tuple[GpuOnHost, ...]:
    """Return the GPUs of the kind that a word means, in the order in which they come."""
    models = matching_models(wanted, (gpu.model for gpu in gpus))
    return tuple(gpu for gpu in gpus if gpu.model in models)
