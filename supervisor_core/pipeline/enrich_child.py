"""What enrichment has done in the worker's child; what is heavy is imported where it is used."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supervisor_core.model.ollama import Vectors
    from supervisor_core.model.together import Asked, Reply, Sight, Terms


def ask_together(terms: "Terms", questions: Sequence["Asked"]) -> "list[Reply]":
    """Asks several questions at once; see `model.together`."""
    from supervisor_core.model.together import ask_together

    return ask_together(terms, questions)


def embed_texts(terms: "Terms", texts: Sequence[str]) -> "Vectors":
    """Has a model make vectors of texts; see `model.ollama.ModelServer.embed`."""
    from supervisor_core.model.together import embed_texts

    return embed_texts(terms, texts)


def measure_sights(terms: "Terms", sights: Sequence["Sight"]) -> "list[Reply]":
    """Measures pictures without asking anybody; see `model.together`."""
    from supervisor_core.model.together import measure_sights

    return measure_sights(terms, sights)


def compare_vectors(
    mine: bytes, others: bytes, dimensions: int, least: float
) -> list[tuple[int, int, float]]:
    """Which vectors point nearly the same way; see `enrichment.comparing`."""
    from supervisor_core.enrichment.comparing import compare

    return compare(mine, others, dimensions, least)
