# syntax=docker/dockerfile:1.7
# The preprocessing service: docker build -f deploy/docker/preprocess.Dockerfile .
FROM python:3.12-slim-bookworm AS build
RUN python -m venv /opt/hunet
ENV PATH=/opt/hunet/bin:$PATH
WORKDIR /src
COPY deploy/docker/locks/preprocess.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --requirement preprocess.txt
COPY protocol protocol
COPY preprocess_service preprocess_service
RUN pip install --no-cache-dir --no-deps --no-build-isolation ./protocol ./preprocess_service

FROM python:3.12-slim-bookworm
COPY --from=build /opt/hunet /opt/hunet
ENV PATH=/opt/hunet/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HUNET_PREPROCESS_ADDRESS=0.0.0.0:50051 \
    HUNET_PREPROCESS_METRICS_ADDRESS=0.0.0.0:9464
USER 10001:10001
EXPOSE 50051 9464
ENTRYPOINT ["hunet-preprocess"]
CMD ["serve"]
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --retries=3 \
    CMD ["hunet-preprocess", "check", "--address", "127.0.0.1:50051"]
