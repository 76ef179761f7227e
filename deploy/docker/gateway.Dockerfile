# syntax=docker/dockerfile:1.7
# The PACS gateway: docker build -f deploy/docker/gateway.Dockerfile .
FROM python:3.12-slim-bookworm AS build
RUN python -m venv /opt/hunet
ENV PATH=/opt/hunet/bin:$PATH
WORKDIR /src
COPY deploy/docker/locks/gateway.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --requirement gateway.txt
COPY protocol protocol
COPY client client
COPY pacs_gateway pacs_gateway
RUN pip install --no-cache-dir --no-deps --no-build-isolation ./protocol ./client ./pacs_gateway

FROM python:3.12-slim-bookworm
COPY --from=build /opt/hunet /opt/hunet
ENV PATH=/opt/hunet/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HUNET_GATEWAY_CONFIG=/etc/hunet/gateway.toml
# A new volume takes over its owner and mode.
RUN install -d -m 0700 -o 10001 -g 10001 /var/lib/hunet
USER 10001:10001
ENTRYPOINT ["hunet", "pacs", "serve"]
