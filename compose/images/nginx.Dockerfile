# The official nginx, with logrotate beside it. Built from the root of the checkout.
FROM nginx:1.28.3
# Debian keeps only the newest logrotate of a release: a pinned one could not be built again later.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends logrotate \
    && rm -rf /var/lib/apt/lists/* \
    && for name in edge-nginx services-nginx; do \
         install --directory --owner=101 --group=101 /run/nextphase /run/nextphase/$name /run/nextphase/$name/temp; \
       done
COPY --chmod=755 compose/images/ready compose/images/rotating /usr/local/bin/
USER 101:101
ENTRYPOINT ["rotating"]
