# The job as an image: `docker run --gpus all --env-file env/quickstart.env -v "$PWD/output:/output" lora-job`.
# torch's wheels carry CUDA, so any base with Python 3.11 or 3.12 and its venv module will do.
ARG BASE_IMAGE=python:3.12-slim-bookworm
# `cuda` adds Triton's kernels, which are compiled on the card at start; empty for an image that runs on a CPU.
ARG EXTRAS=cuda

FROM ${BASE_IMAGE} AS build
ARG EXTRAS
# A place with wheels to prefer, for instance a CPU build of torch, which makes the image 3 GB smaller.
ARG PIP_FIND_LINKS=""
# An index other than the public one may need its own certificates: --secret id=ca,src=FILE. Nothing of it stays.
COPY pyproject.toml README.md LICENSE /app/
COPY job/__init__.py /app/job/__init__.py
WORKDIR /app
# Dependencies before sources: a change of ours does not move gigabytes.
RUN --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    python3 -m venv /venv \
    && if [ -s /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi \
    && /venv/bin/pip install --no-cache-dir --no-compile "/app${EXTRAS:+[$EXTRAS]}" \
    && /venv/bin/pip uninstall --yes lora-job

FROM ${BASE_IMAGE}
ARG EXTRAS
# Triton builds a small launcher in C for each kernel; without a compiler that lever switches itself off.
RUN if [ "$EXTRAS" = cuda ]; then \
        apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*; \
    fi
LABEL org.opencontainers.image.title="lora-job" \
      org.opencontainers.image.description="Fine-tunes an open LLM on one cheap GPU as a headless batch job" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /venv /venv
# Any uid works (`--user`): HOME and caches are world-writable, and getpass finds a USER without an entry in passwd.
RUN mkdir -p /home/job /cache /output \
    && chmod 1777 /home/job /cache /output \
    && printf 'job:x:10001:10001::/home/job:/usr/sbin/nologin\n' >>/etc/passwd
ENV PATH=/venv/bin:$PATH \
    HOME=/home/job \
    USER=job \
    HF_HOME=/cache/huggingface \
    MPLCONFIGDIR=/tmp/matplotlib \
    TRITON_CACHE_DIR=/tmp/triton \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /app
COPY entrypoint.py pyproject.toml /app/
COPY env /app/env
COPY job /app/job
USER 10001:10001
# The default output folder is `output` here: no variable hides the place that a platform names (AIP_MODEL_DIR, /opt/ml).
WORKDIR /
VOLUME ["/output", "/cache"]
ENTRYPOINT ["python3", "/app/entrypoint.py"]
