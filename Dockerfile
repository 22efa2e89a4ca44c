# syntax=docker/dockerfile:1
# A tag moves, a digest does not. For images that you publish, name both bases by digest (docs/operations.md says how):
# --build-arg PYTHON=3.12-slim@sha256:…
ARG PYTHON=3.12-slim
FROM python:${PYTHON} AS builder
WORKDIR /app
RUN python -m venv /venv
COPY requirements.txt .
# Wheels with the hashes of the lock, nothing is built or chosen here.
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary=:all: -r requirements.txt
# Nothing is installed any more.
RUN /venv/bin/python -m pip uninstall -y --quiet --disable-pip-version-check pip
COPY LICENSE THIRD-PARTY-NOTICES.md ./
COPY crm_core crm_core
COPY bot bot
# The root may be read-only later, so byte-code is made now.
RUN /venv/bin/python -m compileall -q bot crm_core

FROM python:${PYTHON}
COPY --from=builder /venv /venv
COPY --from=builder /app /app
WORKDIR /app
# The demo writes to a temporary directory: with --read-only add --tmpfs /tmp for it.
RUN mkdir /data && chown 10001:10001 /data
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DATABASE_URL=sqlite:////data/mini_crm.db \
    HTTP_HOST=0.0.0.0 \
    FIRST_API_KEY_TO=/data/first-api-key
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["python", "-m", "bot", "health"]
ENTRYPOINT ["python", "-m", "bot"]
# As `run`, but without BOT_TOKENS the HTTP API is served alone.
CMD ["serve"]
