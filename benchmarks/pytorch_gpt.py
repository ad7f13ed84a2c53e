"""A plain GPT in PyTorch: the peer that pixace's models are measured against.

Written as one writes such a model today: pre-norm blocks, one product for queries, keys and values,
PyTorch's own attention kernel, and for drawing a cache of keys and values that is laid out once.
Called with whole sequences the model is trained; called with caches it goes on from them. Either is
measured as it is, and compiled.

It is measured in a process of its own, so that neither library's threads nor memory get in the
other's way. The process says what it is, then answers requests, one JSON object a line:

    $ python benchmarks/pytorch_gpt.py
    {"version": "2.15.0", "device": "cpu"}
    {"work": "read", "n_bytes": 1073741824}
    {"answer": 2.8e10}

The GPU is used where PyTorch finds one, else all cores.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch._inductor import config as inductor_config
from torch.nn import functional

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Cache:
    """One block's keys and values, float32 (B, H, L, D / H), filled in from the left."""

    def __init__(self, batch_size: int, n_heads: int, length: int, d_head: int) -> None:
        self._keys = torch.zeros(batch_size, n_heads, length, d_head, device=DEVICE)
        self._values = torch.zeros_like(self._keys)

    def extend(
        self, keys: torch.Tensor, values: torch.Tensor, start: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes keys and values (B, H, T, D / H) at `start`; returns all up to their end."""
        end = start + keys.shape[2]
        self._keys[:, :, start:end] = keys
        self._values[:, :, start:end] = values
        return self._keys[:, :, :end], self._values[:, :, :end]


class Block(nn.Module):
    """Attention, then a feed-forward layer, each behind a norm and beside a shortcut."""

    def __init__(self, d_model: int, d_ff: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self._n_heads = n_heads
        self._dropout = dropout
        self.attention_norm = nn.LayerNorm(d_model)
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.merge = nn.Linear(d_model, d_model)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(d_model),
            nn.Linear(d_model, d_ff),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(d_ff, d_model),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, cache: Cache | None, start: int) -> torch.Tensor:
        """Maps activations (B, T, D) at positions start .. start + T - 1 to activations."""
        qkv = self.qkv(self.attention_norm(x)).unflatten(-1, (3, self._n_heads, -1))
        queries, keys, values = qkv.permute(2, 0, 3, 1, 4)  # (B, H, T, D / H) each
        if cache is not None:
            keys, values = cache.extend(keys, values, start)
        heads = functional.scaled_dot_product_attention(
            queries,
            keys,
            values,
            is_causal=x.shape[1] > 1,
            dropout_p=self._dropout if self.training else 0.0,
        )
        x = x + self.dropout(self.merge(heads.transpose(1, 2).flatten(2)))
        return x + self.dropout(self.feed_forward(x))


class GPT(nn.Module):
    """A decoder-only language model.

    Args:
      n_tokens: V.
      length: L, tokens of the longest sequence.
      d_model: D.
      d_ff: width of the feed-forward layers.
      n_layers: number of blocks.
      n_heads: H.
      n_halves: 2 gives the head the activations twice, and so the 2 * D inputs that the head of
        trax's `ReformerLM` has.
      dropout: share of activations and of attention dropped while training.
    """

    def __init__(
        self,
        n_tokens: int,
        length: int,
        d_model: int,
        d_ff: int,
        n_layers: int,
        n_heads: int,
        n_halves: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.length = length
        self._cache_shape = (n_heads, length, d_model // n_heads)
        self._n_halves = n_halves
        self.embedding = nn.Embedding(n_tokens, d_model)
        self.positions = nn.Parameter(torch.randn(length, d_model) * 0.02)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(d_model, d_ff, n_heads, dropout) for _ in range(n_layers))
        self.norm = nn.LayerNorm(n_halves * d_model)
        self.head = nn.Linear(n_halves * d_model, n_tokens)

    def forward(
        self, tokens: torch.Tensor, caches: list[Cache] | None = None, start: int = 0
    ) -> torch.Tensor:
        """Returns logits (B, T, V) for the tokens that follow these.

        Args:
          tokens: int64 (B, T).
          caches: of what came before, to be extended; None for whole sequences.
          start: tokens that came before; T is 1 where there are any.
        """
        x = self.dropout(self.embedding(tokens))
        x = x + self.positions[start : start + tokens.shape[1]]
        for index, block in enumerate(self.blocks):
            x = block(x, caches[index] if caches else None, start)
        return self.head(self.norm(x.repeat(1, 1, self._n_halves)))

    def empty_caches(self, batch_size: int) -> list[Cache]:
        """Returns a cache for each block."""
        return [Cache(batch_size, *self._cache_shape) for _ in self.blocks]


@torch.inference_mode()
def draw(model: GPT, batch_size: int, positions: range) -> torch.Tensor:
    """Draws these pixels of a batch of pictures at temperature 1; returns int64 tokens (B, T)."""
    caches = model.empty_caches(batch_size)
    drawn = [torch.zeros(batch_size, 1, dtype=torch.int64, device=DEVICE)]
    for position in positions:
        logits = model(drawn[-1], caches, position)[:, -1]
        drawn.append(torch.multinomial(torch.softmax(logits, dim=-1), 1))
    return torch.cat(drawn[1:], dim=1)


def time_drawing(shape: dict[str, int], batch_size: int, compiled: bool) -> float | None:
    """Returns the seconds that a batch of whole pictures takes, after one that is not counted.

    Args:
      shape: the arguments of `GPT`.
      batch_size: pictures in the batch.
      compiled: whether `torch.compile` may help; None is returned where it cannot.
    """
    try:
        model = _model_that_has_drawn(batch_size, compiled, **shape)
    except RuntimeError as error:  # no C++ compiler, for example
        print(f"PyTorch: {str(error).splitlines()[0]}", file=sys.stderr)
        return None
    with torch.compiler.set_stance("eager_on_recompile"):  # nothing is compiled while we measure
        return _seconds(lambda: draw(model, batch_size, range(model.length)))


@functools.lru_cache(maxsize=2)
def _model_that_has_drawn(batch_size: int, compiled: bool, **shape: int) -> GPT:
    """Returns a model with random weights that has drawn whole pictures."""
    model = GPT(**shape).eval().to(DEVICE)
    if compiled:
        torch.compiler.reset()  # shapes seen before would make it compile for any shape
        inductor_config.freezing = True  # lays out the weights for the processor
        model = torch.compile(model)
        draw(model, batch_size, range(model.length // 2, model.length // 2 + 8))
    draw(model, batch_size, range(model.length))  # the ends are compiled apart
    return model


class Training:
    """A model in training, with Adam, on random tokens.

    Args:
      shape: the arguments of `GPT`.
      batch_size: B.
      compiled: whether `torch.compile` may help.
      precision: "float32", or "bfloat16" for PyTorch's automatic mixed precision.
    """

    def __init__(
        self, shape: dict[str, Any], batch_size: int, compiled: bool, precision: str
    ) -> None:
        model = GPT(**shape).train().to(DEVICE)
        self._optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
        self._model = torch.compile(model) if compiled else model
        self._shape = (batch_size, model.length)
        self._n_tokens = shape["n_tokens"]
        self._mixed = torch.autocast(DEVICE.type, torch.bfloat16, precision == "bfloat16")

    def step(self) -> None:
        """Learns from one batch."""
        tokens = torch.randint(0, self._n_tokens, self._shape).to(DEVICE, non_blocking=True)
        with self._mixed:
            logits = self._model(functional.pad(tokens[:, :-1], (1, 0)))
            loss = functional.cross_entropy(logits.flatten(0, 1).float(), tokens.flatten())
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()


def time_training(
    shape: dict[str, Any], batch_size: int, compiled: bool, precision: str, n_steps: int
) -> float | None:
    """Returns the seconds of a training step; None where it cannot be compiled."""
    try:
        training = _training(batch_size, compiled, precision, **shape)
    except RuntimeError as error:
        print(f"PyTorch: {str(error).splitlines()[0]}", file=sys.stderr)
        return None
    return _seconds(lambda: [training.step() for _ in range(n_steps)]) / n_steps


@functools.lru_cache(maxsize=2)
def _training(batch_size: int, compiled: bool, precision: str, **shape: Any) -> Training:
    """Returns a training that has done two steps."""
    torch.compiler.reset()
    training = Training(shape, batch_size, compiled, precision)
    training.step()
    training.step()
    return training


def training_peak(shape: dict[str, Any], batch_size: int, precision: str) -> float | None:
    """Returns the most bytes that a GPU's memory held in a training step; None without a GPU."""
    if DEVICE.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats()
    Training(shape, batch_size, compiled=False, precision=precision).step()
    return torch.cuda.max_memory_allocated()


def reading_speed(n_bytes: int) -> float:
    """Returns bytes per second, the better of a sum and a matrix-vector product."""
    matrix = torch.ones(n_bytes // 4096, 1024, device=DEVICE)
    vector = torch.ones(1024, device=DEVICE)
    return n_bytes / min(_best_seconds(matrix.sum), _best_seconds(lambda: matrix @ vector))


def multiplying_speed(size: int) -> float:
    """Returns multiply-adds per second of a product of two float32 matrices (size, size)."""
    matrix = torch.ones(size, size, device=DEVICE)
    return size**3 / _best_seconds(lambda: matrix @ matrix)


def _best_seconds(work: Callable[[], Any], n_times: int = 5, n_queued: int = 4) -> float:
    """Returns the seconds of one call, several of which are queued to fill a GPU's pipeline."""
    work()
    queue = range(n_queued)
    return min(_seconds(lambda: [work() for _ in queue]) for _ in range(n_times)) / n_queued


def _seconds(work: Callable[[], Any]) -> float:
    """Returns the seconds until a piece of work is really done."""
    _wait_for_device()
    start = time.perf_counter()
    work()
    _wait_for_device()
    return time.perf_counter() - start


def _wait_for_device() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


_WORK: dict[str, Callable[..., float | None]] = {
    "draw": time_drawing,
    "train": time_training,
    "training_peak": training_peak,
    "read": reading_speed,
    "multiply": multiplying_speed,
}


def main() -> None:
    """Answers requests until the input ends."""
    if DEVICE.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TensorFloat-32, as JAX does by default
    print(json.dumps({"version": torch.__version__, "device": DEVICE.type}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = _WORK[request.pop("work")](**request)
        print(json.dumps({"answer": answer}), flush=True)


if __name__ == "__main__":
    main()
