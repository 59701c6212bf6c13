# The console: its front end, built by npm from what its lock file names, and the Python hop that serves it. Built from the
# root of the checkout.
FROM node:22.20.0-bookworm-slim AS web
WORKDIR /src
COPY observability/console/web/package.json observability/console/web/package-lock.json ./
RUN npm ci --ignore-scripts --omit=dev --no-audit --no-fund
COPY observability/console/web/tsconfig.json ./
COPY observability/console/web/src src
RUN npm run build

FROM python:3.11.15-slim-bookworm
# glibc's default number of arenas, 8 a core, costs each threaded process tens of MiB.
ENV LANG=C.UTF-8 \
    PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    PYTHONPATH=/srv/nextphase
WORKDIR /srv/nextphase
COPY requirements/runtime.txt /tmp/runtime.txt
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes --requirement /tmp/runtime.txt
COPY observability observability
COPY dashboards/generated dashboards/generated
COPY docs/operate.md docs/operate.md
COPY --from=web /src/dist bundle
RUN python -m compileall -q .
COPY --chmod=755 compose/images/ready /usr/local/bin/ready
USER 10000:10000
