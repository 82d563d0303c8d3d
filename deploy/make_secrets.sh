#!/bin/sh
# Writes the secrets of docker-compose.yml into secrets/; files that exist are kept.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
cd secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
keep() { [ -s "$1" ] || cat > "$1"; }

random | keep postgres_password
random | keep redis_password
random | keep l2c_s3_access_key_id
random | keep l2c_s3_secret_access_key
echo "postgresql+psycopg://l2c:$(cat postgres_password)@postgres/l2c" | keep l2c_database_url
echo "redis://:$(cat redis_password)@redis:6379/0" | keep l2c_redis_url
cat <<END | keep s3_identities.json
{"identities": [{"name": "l2c", "actions": ["Admin"], "credentials": [
  {"accessKey": "$(cat l2c_s3_access_key_id)", "secretKey": "$(cat l2c_s3_secret_access_key)"}]}]}
END
# Compose mounts these very files, and each container reads them as a user of its own. On this
# machine the folder's mode keeps everybody else out.
chmod 644 ./*
