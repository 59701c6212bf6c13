# Every Python hop (`hops`), and what prepares the composition's volumes (`setup`). Built from the root of the checkout.
FROM python:3.11.15-slim-bookworm AS base
ENV LANG=C.UTF-8 \
    PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1
WORKDIR /srv/nextphase

FROM base AS packages
COPY requirements/runtime.txt /tmp/runtime.txt
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes --requirement /tmp/runtime.txt

# Runs as root: it gives every file to the user who reads it.
FROM base AS setup
COPY --from=packages /opt/venv /opt/venv
COPY observability/prometheus observability/prometheus
COPY services services
COPY compose compose
ENTRYPOINT ["python", "-m", "compose.cli.containers"]
CMD ["/volumes"]

FROM base AS hops
# glibc's default number of arenas, 8 a core, costs each threaded process tens of MiB.
ENV MALLOC_ARENA_MAX=2 \
    PYTHONPATH=/srv/nextphase
COPY --from=packages /opt/venv /opt/venv
COPY observability observability
COPY gateway gateway
COPY broker broker
COPY services services
RUN python -m compileall -q .
COPY --chmod=755 compose/images/ready /usr/local/bin/ready
USER 10000:10000
