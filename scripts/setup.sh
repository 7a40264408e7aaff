#!/bin/sh
# Make a virtual environment with the package, and with its development tools when asked: setup.sh FOLDER [dev]
# Works on a bare Debian 12 with Python 3.11; as root it installs the one system package that may be missing.
set -eu

venv=$1
purpose=${2:-run}
python=${PYTHON:-python3}

if ! command -v "$python" >/dev/null 2>&1; then
    echo "setup: $python is not installed; Stanch needs Python 3.11 or newer." >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "setup: $("$python" --version) is too old; Stanch needs Python 3.11 or newer (PYTHON=… make setup chooses one)." >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian keeps venv in a package of its own.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "setup: installing python3-venv …"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    else
        echo "setup: Python's venv module is missing; ask your administrator for: apt-get install python3-venv" >&2
        exit 1
    fi
fi

# Some tests ask real servers. Their packages are the only other thing the system has to bring.
missing=
if [ "$purpose" = dev ]; then
    command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
    ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
    command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
    command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
    command -v mariadbd >/dev/null 2>&1 || [ -x /usr/sbin/mariadbd ] || missing="$missing mariadb-server"
fi
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "setup: installing$missing for the tests …"
        # RUNLEVEL=1 keeps the packages from starting services: the tests bring up their own.
        apt-get update -qq || true
        # shellcheck disable=SC2086
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
            echo "setup: not installed:$missing; the tests that need them are skipped." >&2
    else
        echo "setup: without$missing some tests are skipped; ask your administrator for: apt-get install$missing" >&2
    fi
fi

echo "setup: preparing $venv …"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip="$venv/bin/python -m pip --disable-pip-version-check --quiet"
# Debian 12 brings a pip that does not know dependency groups yet.
$pip install --constraint constraints.txt --upgrade pip
if [ "$purpose" = dev ]; then
    $pip install --constraint constraints.txt --editable ".[server,simulators]" --group dev
else
    $pip install --constraint constraints.txt --editable ".[server,simulators]"
fi
