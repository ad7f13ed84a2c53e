# pixace on an NVIDIA GPU:  docker build -t pixace .        (see docs/docker.md)
ARG BASE=python:3.12-slim
FROM ${BASE}

# The packages, apart from pixace, as they change seldom. TensorFlow's headers are for compiling.
COPY docker/cpu.lock /tmp/
RUN python3 -m venv /opt/pixace \
 && /opt/pixace/bin/pip install --no-cache-dir --no-deps --only-binary=:all: -r /tmp/cpu.lock \
 && rm -r /opt/pixace/lib/python3*/site-packages/tensorflow/include

# CUDA comes in JAX's wheels, so the base needs none: cuda12 for drivers from 525 on, cuda13 from 580.
ARG CUDA=cuda12
COPY docker/${CUDA}.lock /tmp/
RUN /opt/pixace/bin/pip install --no-cache-dir --no-deps --only-binary=:all: -r /tmp/${CUDA}.lock
# JAX would otherwise reserve three quarters of the card at once.
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility XLA_PYTHON_CLIENT_PREALLOCATE=false

# pixace itself, built by the setuptools of the lock file.
COPY . /tmp/pixace
RUN /opt/pixace/bin/pip install --no-cache-dir --no-deps --no-build-isolation /tmp/pixace \
 && rm -r /tmp/pixace

# Any user may write here (docker run -u): compiled programs go home, all else to /work.
RUN install -d -m 1777 /home/pixace /work /work/model-weights
ENV PATH=/opt/pixace/bin:$PATH HOME=/home/pixace
USER 1000:1000
WORKDIR /work
VOLUME /work
ENTRYPOINT ["pixace"]
CMD ["--help"]
