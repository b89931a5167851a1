# syntax=docker/dockerfile:1
# The one image: the operator, and `fetch`, which downloads weights in the models' pods.
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements/runtime.txt requirements/
RUN pip wheel --no-cache-dir --wheel-dir /wheels --requirement requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="flagos-operator" \
      org.opencontainers.image.description="Serve FlagOS models on any chip with one Kubernetes object" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A bind mount and not COPY: the wheels would stay in a layer of their own.
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels flagos-operator
# No user of ours is in /etc/passwd (OpenShift picks any uid), yet libraries ask for a login name
# and a home.
ENV LOGNAME=flagos HOME=/tmp PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["flagos-operator"]
CMD ["run"]
