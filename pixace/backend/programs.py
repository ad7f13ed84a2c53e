"""How XLA compiles programs, and where compiled ones are kept.

For `door` alone to import, once it has imported JAX as it should be.
"""

from __future__ import annotations

import os
from typing import Any

import jax
import jax._src.compilation_cache

from pixace.backend.compilation_cache import open_cache


def compiler_options() -> dict[str, Any]:
    """Returns what makes XLA compute activations twice where `jax.checkpoint` asks for it.

    On a CPU, JAX 0.10's XLA finds that the second computation equals the first, and keeps that.
    """
    if jax.default_backend() == "cpu" and jax.__version_info__ < (0, 12):
        return {"xla_disable_hlo_passes": "cse_barrier_expander"}
    return {}


def keep_compiled_programs() -> None:
    """Lets programs that were compiled once be loaded by the next process.

    A user who told JAX where to keep them keeps that; JAX reads every folder but ours by itself.
    """
    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    cache = open_cache()
    if cache is None:
        return
    folder = os.fspath(cache.folder)
    original = jax._src.compilation_cache.get_file_cache

    def get_file_cache(path: str) -> Any:
        return (cache, path) if path == folder else original(path)

    jax._src.compilation_cache.get_file_cache = get_file_cache
    jax.config.update("jax_compilation_cache_dir", folder)
    # Small programs, too: trax runs dozens of them to set up a model, each compiled by itself.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # Files of XLA's own would grow without bounds, and stop a command that cannot write them.
    jax.config.update("jax_persistent_cache_enable_xla_caches", "")
