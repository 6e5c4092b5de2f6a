#!/bin/sh
# Makes a PostgreSQL image from Debian's packages, for the specs with TEST_POSTGRES=docker where no image registry answers.
# Needs root, debootstrap and a running Docker engine.
#
#   spec/support/container/build-image.sh [folder for the root file system]
#   TESTCONTAINERS_RYUK_DISABLED=true TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1 TEST_POSTGRES=docker TEST_POSTGRES_IMAGE=local/postgres:15 \
#     npx jest --selectProjects integration --maxWorkers=1
#
# DEBIAN_MIRROR names another mirror. A folder that holds a root file system already is used as it is.
set -e
here=$(cd "$(dirname "$0")" && pwd)
root=${1:-$(mktemp -d)/root}
image=local/postgres:15
if [ ! -d "$root/usr/lib/postgresql/15" ]; then
  debootstrap --variant=minbase --include=postgresql-15 bookworm "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
fi
install -m 755 "$here/docker-entrypoint.sh" "$root/usr/local/bin/docker-entrypoint.sh"
tar -C "$root" -c . | docker import \
  -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/15/bin' \
  -c 'ENTRYPOINT ["docker-entrypoint.sh"]' - "$image"
echo "Made $image"
