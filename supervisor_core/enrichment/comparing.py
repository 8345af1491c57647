"""Which vectors point nearly the same way; called in the worker's child."""


def compare(
    mine: bytes, others: bytes, dimensions: int, least: float, at_most: int = 32
) -> list[tuple[int, int, float]]:
    """The pairs (place in mine, place in others, cosine) of at least this cosine, best first.

    Vectors are little-endian float32, of length 1, one after the other; of each of mine at most so
    many pairs are told, one of them being itself where it is among the others.
    """
    import numpy as np

    left = np.frombuffer(mine, "<f4").reshape(-1, dimensions)
    right = np.frombuffer(others, "<f4").reshape(-1, dimensions)
    cosines = left @ right.T
    found = []
    for row, line in enumerate(cosines):
        (columns,) = np.nonzero(line >= least)
        best = columns[np.argsort(-line[columns], kind="stable")][:at_most]
        found += [(row, int(column), min(float(line[column]), 1.0)) for column in best]
    return found
