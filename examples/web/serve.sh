#!/bin/sh
# Writes the page once, with what only the running container knows, and serves it on port 8080.
set -eu

machine=$(uname -m)
release=$(cat /srv/RELEASE)
# The release is a person's text: keep it from being read as HTML, or as sed's own signs.
escaped=$(printf '%s' "$release" | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g')
pattern=$(printf '%s' "$escaped" | sed -e 's/[\\/&]/\\&/g' | tr '\n' ' ')

mkdir -p /srv/www
sed -e "s/@MACHINE@/$machine/g" \
    -e "s/@RELEASE@/$pattern/g" \
    -e "s/@HOST@/$(hostname)/g" \
    -e "s/@BUILT@/$(cat /srv/built-on)/g" \
    /srv/page.html > /srv/www/index.html

# As process 1 a program without a handler ignores SIGTERM, so the shell has one and passes it on.
httpd -f -p "${PORT:-8080}" -h /srv/www &
server=$!
trap 'kill "$server"' TERM INT
echo "serving release '$release' on $machine"
wait "$server" || true
