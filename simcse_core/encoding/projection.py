"""A linear map from sentence vectors to others, as whitening is one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from simcse_core.errors import EncoderError


@dataclass(frozen=True, eq=False)
class Projection:
    """Vectors of ``width_in`` numbers to ``weight @ (vector - centre) + bias``.

    A centre is taken off first, not as a part of the bias, since vectors that lie close together
    and far from 0 would lose digits in float32.

    Attributes:
        weight: float32, (width_out, width_in).
        bias: float32, (width_out,); None for zeros.
        centre: float32, (width_in,); None for zeros.
        of_unit_vectors: whether vectors are brought to length 1 before.

    Raises:
        EncoderError: other shapes, or numbers that are not finite.
    """

    weight: np.ndarray
    bias: np.ndarray | None = None
    centre: np.ndarray | None = None
    of_unit_vectors: bool = False

    def __post_init__(self) -> None:
        weight = np.array(self.weight, dtype=np.float32)
        if weight.ndim != 2 or not weight.size:
            raise EncoderError(
                f"projection: a weight of shape (out, in) is needed, got {weight.shape}"
            )
        parts = {"weight": weight}
        for name, width in (("bias", len(weight)), ("centre", weight.shape[1])):
            given = getattr(self, name)
            part = np.array(np.zeros(width) if given is None else given, dtype=np.float32)
            if part.shape != (width,):
                raise EncoderError(
                    f"projection: a {name} of shape ({width},) is needed, got {part.shape}"
                )
            parts[name] = part
        for name, part in parts.items():
            if not np.isfinite(part).all():
                raise EncoderError(f"projection: its {name} is not finite; fit it again")
            object.__setattr__(self, name, part)

    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weight, bias and centre."""
        assert self.bias is not None
        assert self.centre is not None
        return self.weight, self.bias, self.centre

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all of it, in hex."""
        shape = f"{self.weight.shape} {self.of_unit_vectors} ".encode()
        return hashlib.sha256(shape + b"".join(part.tobytes() for part in self.parts())).hexdigest()
