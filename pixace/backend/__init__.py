"""The one door to trax, JAX and TensorFlow, its mends, the cache of compiled programs."""
