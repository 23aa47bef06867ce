#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a throw-away CA and the certificates of a test in a folder:
#
#   testca.sh DIR [NAME…]     DIR/ca.pem, and for broker, central and each NAME: DIR/NAME.pem, DIR/NAME.key
#
# A certificate's common name is its NAME (a terminal's is its client id); the broker's is valid for
# localhost, 127.0.0.1 and ::1. Keys are EC P-256.
set -eu
dir=$1
shift
mkdir -p "$dir"
cd "$dir"
umask 077

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=test CA" \
    -keyout ca.key -out ca.pem -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null

for name in broker central "$@"; do
    if [ "$name" = broker ]; then
        ext="subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1
extendedKeyUsage=serverAuth"
    else
        ext="extendedKeyUsage=clientAuth"
    fi
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$name.key" \
        -out "$name.csr" 2>/dev/null
    printf '%s\n' "$ext" >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile "$name.ext" \
        -out "$name.pem" 2>/dev/null
    rm -f "$name.csr" "$name.ext"
done
