"""How to draw pictures."""

from __future__ import annotations

import dataclasses

from pixace.errors import UsageError
from pixace.settings.checks import (
    MAX_SEED,
    check_sampling,
    require_int,
)

_MAX_COLUMNS = 100


@dataclasses.dataclass(frozen=True)
class DrawingSettings:
    """How to draw pictures.

    Attributes:
      batch_size: pictures to draw when there is no prompt.
      cut: prompt pixels to keep, None keeps half of them.
      temperature: one column of results for each.
      scale: edge of one tile in pixels.
      seed: of the noise; None takes a new one.
      top_k: draw only from the k likeliest colours; 0 means all.
      top_p: draw only from the fewest colours that hold this share of the probability.
      best_of: candidates for each tile, of which the likeliest is kept.

    Raises:
      UsageError: a value of the wrong type or out of range.
    """

    batch_size: int = 1
    cut: int | None = None
    temperature: tuple[float, ...] = (1.0,)
    scale: int = 256
    seed: int | None = None
    top_k: int = 0
    top_p: float = 1.0
    best_of: int = 1

    def __post_init__(self) -> None:
        require_int("batch_size", self.batch_size, 1, 10_000)
        require_int("scale", self.scale, 1, 4096)
        require_int("best_of", self.best_of, 1, 1000)
        if self.cut is not None:
            require_int("cut", self.cut, 0)
        if self.seed is not None:
            require_int("seed", self.seed, 0, MAX_SEED)
        if not isinstance(self.temperature, list | tuple) or len(self.temperature) > _MAX_COLUMNS:
            raise UsageError(f"temperature must be at most {_MAX_COLUMNS} numbers")
        check_sampling(self.temperature, top_k=self.top_k, top_p=self.top_p)
        # NumPy's numbers go into no JSON.
        for name in ("batch_size", "cut", "scale", "seed", "top_k", "best_of"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, int(getattr(self, name)))
        object.__setattr__(self, "temperature", tuple(map(float, self.temperature)))
        object.__setattr__(self, "top_p", float(self.top_p))

    def kept_pixels(self, n_pixels: int, n_prompts: int) -> int:
        """Returns how many pixels to keep of each prompt; 0 where there is none.

        Args:
          n_pixels: L of the model.
          n_prompts: how many prompts there are.

        Raises:
          UsageError: cut is not from 0 to L, or is given without a prompt.
        """
        if self.cut is not None:
            require_int("cut", self.cut, 0, n_pixels)
            if not n_prompts:
                raise UsageError("cut needs a prompt to keep pixels of")
        if not n_prompts:
            return 0
        return n_pixels // 2 if self.cut is None else self.cut
