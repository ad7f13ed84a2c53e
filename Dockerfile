# pixace on an NVIDIA GPU:  docker build -t pixace .
# JAX's wheels bring CUDA themselves, so a plain Python image is enough.
ARG BASE=python:3.12-slim
FROM ${BASE}

# cuda12 for drivers from 525 on, cuda13 for drivers from 580 on.
ARG CUDA=cuda12

WORKDIR /src
COPY setup.py pyproject.toml README.md LICENSE ./
COPY pixace ./pixace
RUN pip install --no-cache-dir ".[${CUDA}]" && rm -rf /src

# JAX would otherwise reserve three quarters of the card at once.
ENV XLA_PYTHON_CLIENT_PREALLOCATE=false

# Folders of images and of models are mounted here; see the README.
WORKDIR /pixace
ENTRYPOINT ["pixace"]
CMD ["--help"]
