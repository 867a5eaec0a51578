# The job as an image: `docker run --gpus all --env-file env/quickstart.env -v "$PWD/output:/output" lora-job`.
# This base image has CUDA's compatibility libraries: with them a data-center GPU works with an older driver.
ARG BASE_IMAGE=nvidia/cuda:13.0.2-base-ubuntu24.04
# `cpu` is enough for the quickstart and the tests; torch then comes from TORCH_WHEELS.
ARG VARIANT=cuda
# 1 adds Triton, Liger's kernels and the C compiler that Triton needs at run time. It costs 0.8 GB and saves up to a quarter of
# the kernel time on compute capability 8.0 and newer (job/training/README.md). Nobody has run it on a T4.
ARG TRITON=0

FROM ${BASE_IMAGE} AS python
ARG TRITON
ENV DEBIAN_FRONTEND=noninteractive
# A tag or digest pins the base image. The packages added here are not pinned, so that every build gets security fixes.
# hadolint ignore=DL3008,SC2086
RUN set -e; packages=""; \
    command -v python3 >/dev/null && python3 -c 'import ensurepip' 2>/dev/null || packages="python3 python3-venv"; \
    [ "$TRITON" = 0 ] || packages="$packages gcc libc6-dev python3-dev"; \
    if [ -n "$packages" ]; then \
        apt-get update; \
        apt-get install --yes --no-install-recommends $packages; \
        rm -rf /var/lib/apt/lists/*; \
    fi

FROM python AS build
ARG VARIANT
ARG TRITON
# For VARIANT=cpu: a folder or page with CPU wheels of torch.
ARG TORCH_WHEELS=""
COPY .locks /locks
# Dependencies come before sources, so that a change in the sources does not rebuild gigabytes. For a package index with its own
# certificate authority pass --secret id=ca,src=FILE; no layer keeps it.
RUN --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    set -e; \
    if [ -s /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi; \
    install="/venv/bin/pip install --no-cache-dir --no-compile --no-deps"; \
    python3 -m venv /venv; \
    $install --require-hashes --requirement "/locks/$VARIANT.txt"; \
    [ "$TRITON" = 0 ] || $install --require-hashes --requirement /locks/triton.txt; \
    if [ "$VARIANT" = cpu ]; then \
        $install ${TORCH_WHEELS:+--find-links "$TORCH_WHEELS"} "torch==$(sed -n 's/^torch==\([0-9.]*\).*/\1/p' /locks/cuda.txt)"; \
    fi; \
    /venv/bin/pip uninstall --yes pip
# Remove what no job uses on any GPU from a T4 to an H200: bitsandbytes for other CUDA versions and other vendors, second copies
# of the run-time compiler, the multi-GPU solver, static libraries, headers, tests.
# hadolint ignore=DL3003
RUN set -e; cd /venv/lib/python3*/site-packages; \
    keep=cuda130; [ "$VARIANT" = cuda ] || keep=cpu; \
    find bitsandbytes -name 'libbitsandbytes_*' ! -name '*_cpu.so' ! -name "*_$keep.so" -delete; \
    rm -rf nvidia/cu13/lib/libnvrtc.alt* nvidia/cu13/lib/libnvrtc-builtins.alt* nvidia/cu13/lib/libcusolverMg* \
        nvidia/nvshmem/lib/libnvshmem_device.bc nvidia/*/include nvidia/cu13/include torch/include torch/bin/protoc* \
        pyarrow/include pyarrow/*flight* triton/backends/nvidia/lib/cupti triton/_C/libproton.so; \
    find . -name '*.a' -delete; \
    for package in pandas pyarrow numpy sympy matplotlib networkx; do \
        find "$package" -type d -name tests -prune -exec rm -rf {} +; \
    done; \
    mkdir -p nvidia; mv nvidia /nvidia; ln -s /nvidia nvidia; \
    # fails the build if something needed was removed
    /venv/bin/python -c 'import torch, bitsandbytes, transformers, peft, trl, datasets, pandas, pyarrow.parquet, matplotlib'

FROM python
ARG BASE_IMAGE
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="lora-job" \
      org.opencontainers.image.description="Fine-tunes an open LLM on one cheap GPU as a headless batch job" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"
# CUDA's libraries are a separate layer, so that no layer exceeds 4 GB.
COPY --from=build /nvidia /nvidia
COPY --from=build /venv /venv
# Any uid works (`--user`): HOME and caches are world-writable, and USER is set for getpass, which otherwise looks into passwd.
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
# The output folder is `output` in this directory by default. FINETUNE_OUTPUT_DIR stays unset: it would override the folder that
# a platform collects (AIP_MODEL_DIR, /opt/ml).
WORKDIR /
VOLUME ["/output", "/cache"]
ENTRYPOINT ["python3", "/app/entrypoint.py"]
