"""What measuring a folder of images has found: likelihoods, with captions and without."""

from __future__ import annotations

from typing import NamedTuple

from pixace.insight.likelihood import Likelihood


class Evaluation(NamedTuple):
    """How well a model predicts the pictures of a folder.

    Attributes:
      likelihood: given the captions of their own.
      without_caption: without words; None if the model was told none anyway, as there are no
        captions or it knows no words.
      wrong_caption: given those of others, see `Captions.of_others`; None likewise, and where all
        have the same.
    """

    likelihood: Likelihood
    without_caption: Likelihood | None = None
    wrong_caption: Likelihood | None = None

    @property
    def n_images(self) -> int:
        """Pictures counted; those without captions count in all figures."""
        return self.likelihood.n_images

    @property
    def nats_per_pixel(self) -> float:
        """-ln p of one token."""
        return self.likelihood.nats_per_pixel

    @property
    def bits_per_pixel(self) -> float:
        """-log2 p of one token."""
        return self.likelihood.bits_per_pixel

    @property
    def bits_per_subpixel(self) -> float:
        """Bits per dimension, see `Likelihood`."""
        return self.likelihood.bits_per_subpixel

    @property
    def bits_per_pixel_without_caption(self) -> float | None:
        """-log2 p of one token without words."""
        return None if self.without_caption is None else self.without_caption.bits_per_pixel

    @property
    def bits_per_pixel_wrong_caption(self) -> float | None:
        """-log2 p of one token given another picture's caption."""
        return None if self.wrong_caption is None else self.wrong_caption.bits_per_pixel

    def to_dict(self) -> dict[str, float | None]:
        """Returns the figures under the names that `evaluate --json` prints."""
        return {
            "nats_per_pixel": self.nats_per_pixel,
            "bits_per_pixel": self.bits_per_pixel,
            "bits_per_subpixel": self.bits_per_subpixel,
            "n_images": self.n_images,
            "bits_per_pixel_without_caption": self.bits_per_pixel_without_caption,
            "bits_per_pixel_wrong_caption": self.bits_per_pixel_wrong_caption,
        }
