# The official nginx, with logrotate beside it. Built from the root of the checkout, with or without BuildKit.
FROM nginx:1.28.3
COPY compose/images/ready compose/images/rotating /usr/local/bin/
# Debian keeps only the newest logrotate of a release: a pinned one could not be built again later.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends logrotate \
    && rm -rf /var/lib/apt/lists/* \
    && chmod 755 /usr/local/bin/ready /usr/local/bin/rotating
USER 101:101
ENTRYPOINT ["rotating"]
