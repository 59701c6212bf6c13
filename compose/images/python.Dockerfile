# Every Python hop (`hops`), what prepares the composition's volumes (`setup`), and the console with its front end (`console`).
# Built from the root of the checkout, with or without BuildKit.
FROM python:3.11.15-slim-bookworm AS hop
# glibc's default number of arenas, 8 a core, costs each threaded process tens of MiB.
ENV LANG=C.UTF-8 \
    PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    PYTHONPATH=/srv/nextphase
WORKDIR /srv/nextphase
COPY requirements/runtime.txt /tmp/runtime.txt
# What installs packages, and the sources of translations, stay out of the image: nothing reads them later.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --only-binary=:all: --require-hashes --requirement /tmp/runtime.txt \
    && /opt/venv/bin/pip uninstall --yes pip setuptools \
    && find /opt/venv -name '*.po' -delete

# Runs as root: it gives every file to the user who reads it.
FROM hop AS setup
COPY observability observability
COPY dashboards dashboards
COPY services services
COPY gateway/routes.yaml gateway/routes.schema.json gateway/
COPY compose compose
ENTRYPOINT ["python", "-m", "compose.cli.containers"]
CMD ["/volumes"]

# A checkout under a strict umask has files that only their owner may read: the images' users may read them all.
FROM hop AS code
COPY observability observability
COPY gateway gateway
COPY broker broker
COPY services services
COPY compose/images/ready bin/ready
RUN rm -rf observability/console/web \
    && chmod -R a+rX . && chmod 755 bin/ready \
    && python -m compileall -q .

FROM hop AS hops
COPY --from=code /srv/nextphase /srv/nextphase
ENV PATH=/srv/nextphase/bin:$PATH
USER 10000:10000

FROM node:22.20.0-bookworm-slim AS web
WORKDIR /src
COPY observability/console/web/package.json observability/console/web/package-lock.json ./
RUN npm ci --ignore-scripts --omit=dev --no-audit --no-fund
COPY observability/console/web/tsconfig.json ./
COPY observability/console/web/src src
RUN npm run build

FROM hop AS console-files
COPY dashboards/generated dashboards/generated
COPY docs/operate.md docs/operate.md
COPY --from=web /src/dist bundle
COPY --from=code /srv/nextphase/observability observability
COPY --from=code /srv/nextphase/bin bin
RUN chmod -R a+rX .

FROM hop AS console
COPY --from=console-files /srv/nextphase /srv/nextphase
ENV PATH=/srv/nextphase/bin:$PATH
USER 10000:10000
