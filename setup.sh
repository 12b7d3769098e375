#!/usr/bin/env bash
# Installs what building needs and the machine lacks: make, a C++ compiler, cmake and libclang (RocksDB and its
# bindings); with `tests`, also the emulators of S3, SQS and Google Cloud Storage and the MariaDB server that the tests run against.
set -euo pipefail
cd "$(dirname "$0")"
missing=()
ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1 || ldconfig -p | grep -q libclang || missing+=(libclang-dev)
command -v cmake >/dev/null || missing+=(cmake)
command -v make >/dev/null || missing+=(make)
command -v g++ >/dev/null || missing+=(g++)
if [ "${1:-}" = tests ]; then
    command -v curl >/dev/null || missing+=(curl)
    PATH="$PATH:/usr/sbin" command -v mariadbd >/dev/null || missing+=(mariadb-server)
    command -v java >/dev/null || missing+=(default-jre-headless)
    command -v mvn >/dev/null || missing+=(maven)
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
fi
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing ${missing[*]}" >&2
    sudo=""
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq >&2
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
fi
command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs" >&2; exit 1; }
if [ "${1:-}" = tests ]; then
    emulators=(ministack moto elasticmq)
    if command -v go >/dev/null; then
        emulators+=(fake-gcs)
    else
        echo "*** SKIPPED: the reading of Google Cloud Storage by fake-gcs-server, because Go is not installed" >&2
    fi
    localstack/install "${THUNDERHEAD_LOCALSTACK:-$HOME/.cache/thunderhead/localstack}" "${emulators[@]}"
fi
