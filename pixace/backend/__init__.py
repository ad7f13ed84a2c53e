"""The one door to trax, JAX and TensorFlow, its mends, types, the cache of compiled programs."""
