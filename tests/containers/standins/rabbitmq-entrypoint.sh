#!/usr/bin/env bash
# As the official one, for a container that is started with a user: names of hosts with dots are long names.
set -euo pipefail
if [ -z "${RABBITMQ_USE_LONGNAME:-}" ] && [ "$(hostname)" != "$(hostname -s)" ]; then
    export RABBITMQ_USE_LONGNAME=true
fi
exec "$@"
