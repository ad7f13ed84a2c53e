"""JAX with the options that pixace relies on, whatever the environment or a notebook has set.

A recipe promises the same picture, byte for byte, and records none of these. Where an option of the
user's differs, pixace's own work has the one below, in its own thread and while it lasts; where
none does, nothing is touched. For `door` alone to import, once it has imported JAX as it should be.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any, TypeVar

from jax._src.config import config_states

from pixace.backend.devices import require_devices

T = TypeVar("T")

# The defaults of JAX 0.10 to 0.12; what a version does not know is left out.
_NEEDED: dict[str, Any] = {
    # Other numbers, and so another picture from the same seed:
    "jax_enable_x64": False,
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_threefry_gpu_kernel_lowering": False,
    "jax_random_seed_offset": 0,
    "jax_default_matmul_precision": None,
    "jax_numpy_dtype_promotion": "standard",
    "jax_allow_f16_reductions": True,
    "jax_high_dynamic_range_gumbel": False,
    "jax_softmax_custom_jvp": False,
    "jax_accurate_erf_inv": False,
    "jax_use_hlo_logistic_lowering": None,
    "eager_constant_folding": False,
    # Other programs, which may round otherwise, or need more memory:
    "jax_use_direct_linearize": True,
    "jax_scan3": False,
    "jax_remat3": False,
    "jax_custom_jvp3": False,
    "jax_custom_vjp3": False,
    "jax_compiler_enable_remat_pass": True,
    "jax_optimization_level": "UNKNOWN",
    "jax_exec_time_optimization_effort": 0.0,
    "jax_memory_fitting_level": "O2",
    "jax_memory_fitting_effort": 0.0,
    "jax_disable_jit": False,
    "jax_use_shardy_partitioner": True,
    "jax_use_simplified_jaxpr_constants": False,
    "jax_embedded_constants_max_bytes": 32,
    "jax_enable_pgle": False,
    # Errors where there is nothing wrong: trax 1.4.1 and our layers use what these forbid.
    "jax_enable_custom_prng": False,
    "jax_legacy_prng_key": "allow",
    "jax_numpy_rank_promotion": "allow",
    "jax_debug_nans": False,
    "jax_debug_infs": False,
    "jax_debug_key_reuse": False,
    "jax_check_tracer_leaks": False,
    "jax_check_static_indices": False,
    "jax_enable_checks": False,
    "jax_error_checking_behavior_nan": "ignore",
    "jax_error_checking_behavior_divide": "ignore",
    "jax_error_checking_behavior_oob": "ignore",
    "jax_transfer_guard_host_to_device": "allow",
    "jax_transfer_guard_device_to_device": "allow",
    "jax_transfer_guard_device_to_host": "allow",
    "jax_array_garbage_collection_guard": "allow",
    "jax_thread_guard": False,
    "jax_disallow_mesh_context_manager": False,
    "jax_raise_persistent_cache_errors": False,
    "jax_no_tracing": False,
    "jax_no_execution": False,
    "check_vma": False,
    "jax_auto_pcast": True,
    "jax_remove_size_one_mesh_axis_from_type": False,
}


@contextlib.contextmanager
def computing() -> Iterator[None]:
    """Lets this thread compute on a device that is there, with the options that pixace relies on.

    As a decorator it does so for a function.

    Raises:
      PixaceError: there is no device.
    """
    require_devices()
    with contextlib.ExitStack() as stack:
        for state, needed in _states():
            value = state.value
            if value is not None and value != needed:  # None is nobody's choice
                stack.enter_context(state(needed))
        yield


def each_computing(steps: Iterator[T]) -> Iterator[T]:
    """Yields what an iterator does, which is `computing` while it works, and not in between."""
    while True:
        with computing():
            try:
                step = next(steps)
            except StopIteration:
                return
        yield step


@functools.cache
def _states() -> list[tuple[Any, Any]]:
    """Returns JAX's own objects for the options that it has, and what they are to be."""
    found = [(config_states.get(name), needed) for name, needed in _NEEDED.items()]
    # As JAX spells it: some are members of an enumeration.
    return [(state, state(needed).new_val) for state, needed in found if state is not None]
