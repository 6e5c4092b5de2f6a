#!/bin/sh
# Does what the entry point of the official image does for the variables that the specs use.
set -e
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
PGDATA=/var/lib/postgresql/data
export PATH PGDATA
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA" /run/postgresql
  chown -R postgres "$PGDATA" /run/postgresql
  chmod 700 "$PGDATA"
  method=trust
  options='--auth=trust'
  if [ -n "$POSTGRES_PASSWORD" ]; then
    method=scram-sha-256
    printf '%s\n' "$POSTGRES_PASSWORD" > /run/password
    chmod 644 /run/password
    options='--auth-host=scram-sha-256 --auth-local=trust --pwfile=/run/password'
  fi
  su postgres -s /bin/sh -c "$(command -v initdb) -D $PGDATA -U postgres -E UTF8 --no-locale $options" > /dev/null
  echo "host all all all $method" >> "$PGDATA/pg_hba.conf"
  # As the official image: a first server, for preparing the cluster, and then the real one.
  su postgres -s /bin/sh -c "$(command -v pg_ctl) -D $PGDATA -o \"-c listen_addresses=''\" -w start" >&2
  su postgres -s /bin/sh -c "$(command -v pg_ctl) -D $PGDATA -m fast -w stop" >&2
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups "$@"
