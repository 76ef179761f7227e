# syntax=docker/dockerfile:1.7
# Triton with the exported network in it: docker build -f deploy/docker/triton.Dockerfile .
FROM nvcr.io/nvidia/tritonserver:26.05-py3 AS environment
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/hunet
# The backend takes the environment whose programs come first.
ENV PATH=/opt/hunet/bin:$PATH
WORKDIR /src
COPY constraints.txt ./
# The CPU build of torch; for GPUs give the index of the image's CUDA version.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint constraints.txt --extra-index-url "$TORCH_INDEX" setuptools numpy torch
COPY protocol protocol
COPY client client
COPY export export
COPY deploy/local deploy/local
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint constraints.txt --no-build-isolation ./protocol ./client ./export ./deploy/local

# Training code and compiler are needed to export, and stay behind.
FROM environment AS export
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
COPY preprocess_service preprocess_service
COPY model model
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint constraints.txt cmake ninja \
    && pip install --constraint constraints.txt --no-build-isolation ./preprocess_service ./model './export[export]'
COPY model_repository model_repository
COPY weights weights
ARG MODEL=mamba_hunet
# bfloat16 only where the image runs on processors that multiply it.
ARG PRECISION=float32
RUN HUNET_HOME=/src hunet export --model "$MODEL" --precision "$PRECISION" \
    && mkdir /models \
    && cp -r "model_repository/$MODEL" /models/

FROM nvcr.io/nvidia/tritonserver:26.05-py3
COPY --from=environment /opt/hunet /opt/hunet
COPY --from=export /models /models
COPY deploy/docker/serve-triton /usr/local/bin/serve-triton
# The last three as `hunet up` sets them: docs/serving.md.
ENV PATH=/opt/hunet/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=1 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    OMP_WAIT_POLICY=PASSIVE
USER 10001:10001
EXPOSE 8001 8002
ENTRYPOINT ["serve-triton"]
HEALTHCHECK --interval=30s --timeout=25s --start-period=5m --retries=5 \
    CMD ["hunet", "canary", "--triton-address", "127.0.0.1:8001", "--repository", "/models"]
