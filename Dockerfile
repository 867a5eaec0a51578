# The job as an image; README.md, "In a container", has the commands that build and run it.
# This base image has CUDA's compatibility libraries: with them a data-center GPU works with an older driver. Its name begins with
# the registry, since podman looks in none by itself.
ARG BASE_IMAGE=docker.io/nvidia/cuda:13.0.2-base-ubuntu24.04
# `cpu` is enough for the quickstart and the tests; torch then comes from TORCH_INDEX.
ARG VARIANT=cuda
ARG VERSION=0.1.0

FROM ${BASE_IMAGE} AS python
ENV DEBIAN_FRONTEND=noninteractive
# A tag or digest pins the base image. The packages added here are not pinned, so that every build gets security fixes.
# hadolint ignore=DL3008
RUN set -e; \
    if ! { command -v python3 >/dev/null && python3 -c 'import ensurepip' 2>/dev/null; }; then \
        apt-get update; \
        apt-get install --yes --no-install-recommends python3 python3-venv; \
        rm -rf /var/lib/apt/lists/* /var/cache/apt/*; \
    fi

FROM python AS build
ARG VARIANT
# For VARIANT=cpu: an index with CPU builds of torch, whose hash .locks/cpu.txt holds.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY .locks/*.txt /locks/
# Dependencies come before sources, so that a change in the sources does not rebuild gigabytes. For a package index with its own
# certificate authority pass --secret id=ca,src=FILE; no layer keeps it.
RUN --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    set -e; \
    if [ -s /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi; \
    install="/venv/bin/pip install --no-cache-dir --no-compile --no-deps --require-hashes"; \
    python3 -m venv /venv; \
    $install --requirement /locks/common.txt; \
    if [ "$VARIANT" = cpu ]; then $install --index-url "$TORCH_INDEX" --requirement /locks/cpu.txt; \
    else $install --requirement "/locks/$VARIANT.txt"; fi; \
    /venv/bin/pip uninstall --yes pip
# Remove what no job uses on any GPU from a T4 to an H200: bitsandbytes for other CUDA versions and other vendors, second copies
# of the run-time compiler (the first one compiles the job's own kernels), the multi-GPU solver, cuDNN's recurrent networks,
# profilers' counters, static libraries, headers, tests. On an H200 convolutions, attention, triangular solvers and PyTorch's
# profiler work without them.
# hadolint ignore=DL3003
RUN set -e; cd /venv/lib/python3*/site-packages; \
    keep=cuda130; [ "$VARIANT" = cuda ] || keep=cpu; \
    find bitsandbytes -name 'libbitsandbytes_*' ! -name '*_cpu.so' ! -name "*_$keep.so" -delete; \
    rm -rf nvidia/cu13/lib/libnvrtc.alt* nvidia/cu13/lib/libnvrtc-builtins.alt* nvidia/cu13/lib/libcusolverMg* \
        nvidia/cudnn/lib/libcudnn_adv* nvidia/cu13/lib/libnvperf_* \
        nvidia/nvshmem/lib/libnvshmem_device.bc nvidia/*/include nvidia/cu13/include torch/include torch/bin/protoc* \
        pyarrow/include pyarrow/*flight*; \
    find . -name '*.a' -delete; \
    for package in pandas pyarrow numpy sympy matplotlib networkx; do \
        find "$package" -type d -name tests -prune -exec rm -rf {} +; \
    done; \
    mkdir -p nvidia; mv nvidia /nvidia; ln -s /nvidia nvidia
ARG VERSION
COPY .locks/sbom.py /locks/
# fails the build if what is installed is not what the locks say
RUN cd /locks; /venv/bin/python sbom.py "$VERSION" common.txt "$VARIANT.txt" >/sbom.cdx.json

FROM python
# CUDA's libraries are a separate layer, so that no layer exceeds 4 GB.
COPY --from=build /nvidia /nvidia
COPY --from=build /venv /venv
# Leaves the bytecode of what a run imports: 0.1 GB, without which every container compiles 4,000 modules. Written here, not where
# packages are installed, it is beside a standard library that came without (python:3.12-slim), too. Fails the build if something
# needed was removed above. TORCHDYNAMO_DISABLE: as in a run, which leaves out most of Inductor.
RUN --mount=type=tmpfs,target=/tmp HOME=/tmp TORCHDYNAMO_DISABLE=1 /venv/bin/python -c 'import bitsandbytes; \
    import charset_normalizer, datasets, ftfy; \
    import matplotlib.backends.backend_svg, matplotlib.figure, openpyxl, pandas, peft.tuners.lora.bnb, phonenumbers, py3langid; \
    import pyarrow.parquet, pydantic_settings, rensa, sacrebleu.metrics; \
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM; from trl import SFTTrainer'
# Any uid works (`--user`): HOME and caches are world-writable, and USER is set for getpass, which otherwise looks into passwd.
# A cache that everybody may write is shared: what one user downloads, another one may use (job/hosts/shared_cache.py).
RUN mkdir -p /home/job /cache/huggingface /output \
    && chmod 1777 /home/job /cache /cache/huggingface /output \
    && printf 'job:x:10001:10001::/home/job:/usr/sbin/nologin\n' >>/etc/passwd
# NVIDIA_DISABLE_REQUIRE: the base asks the container runtime to refuse an old driver, in words that no metrics.json gets. The job
# checks the driver itself, and says what to do. An empty NVIDIA_REQUIRE_CUDA would not do: the toolkit (HasDisableRequire and
# IsLegacy in its cuda_image.go) then takes CUDA_VERSION for the requirement.
ENV PATH=/venv/bin:$PATH \
    HOME=/home/job \
    USER=job \
    HF_HOME=/cache/huggingface \
    XDG_CACHE_HOME=/tmp/cache \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_DISABLE_REQUIRE=1
WORKDIR /app
COPY entrypoint.py pyproject.toml /app/
COPY env /app/env
COPY job /app/job
COPY --from=build /sbom.cdx.json /app/
# What runs before Python answers SIGTERM comes compiled (22 ms in place of 60): process 1 never hears what arrives earlier.
RUN python3 -m compileall -q job
USER 10001:10001
# The output folder is `output` in this directory by default. FINETUNE_OUTPUT_DIR stays unset: it would override the folder that
# a platform collects (AIP_MODEL_DIR, /opt/ml).
WORKDIR /
VOLUME ["/output", "/cache"]
ENTRYPOINT ["python3", "/app/entrypoint.py"]
# Last, since a build argument that changes builds everything after it anew.
ARG BASE_IMAGE
ARG VERSION
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.title="lora-job" \
      org.opencontainers.image.description="Fine-tunes an open LLM on one cheap GPU as a headless batch job" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"
