# syntax=docker/dockerfile:1.7
# The hunet command, for scans in a folder: docker build -f deploy/docker/client.Dockerfile .
FROM python:3.12-slim-bookworm AS build
RUN python -m venv /opt/hunet
ENV PATH=/opt/hunet/bin:$PATH
WORKDIR /src
COPY deploy/docker/locks/client.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --requirement client.txt
COPY protocol protocol
COPY client client
RUN pip install --no-cache-dir --no-deps --no-build-isolation ./protocol ./client

FROM python:3.12-slim-bookworm
COPY --from=build /opt/hunet /opt/hunet
ENV PATH=/opt/hunet/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
ENTRYPOINT ["hunet"]
