"""A model to pictures: noise, choice, sampler, predictor, recipe, film, nearest."""
