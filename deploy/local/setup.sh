#!/bin/sh
# Create .venv and install what requirements.lock names; does nothing when neither changed.
set -eu
cd "$(dirname "$0")/../.."

installed=.venv/installed
if cat requirements.lock pyproject.toml 2>/dev/null | cmp -s - "$installed"; then
    exit 0
fi

fits='import sys; sys.exit(sys.version_info < (3, 11))'
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c "$fits"; then
    python=
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c "$fits" 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "No Python 3.11 or later was found: install one or name it, make PYTHON=/path/to/python3." >&2
        exit 1
    fi
    echo "creating .venv with $("$python" --version)"
    if ! "$python" -m venv --clear .venv; then
        echo "Python could not create .venv: install its venv module (Debian: apt install python3-venv)." >&2
        exit 1
    fi
fi

echo "installing the locked dependencies"
# uv is in the lock too; it installs in seconds what takes pip minutes
awk '/^[^ ]/ { wanted = /^uv==/ } wanted' requirements.lock >.venv/uv.lock
if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
    --require-hashes -r .venv/uv.lock; then
    echo "The installer could not be installed: the lines above say why." >&2
    exit 1
fi
# compiled now, or every start of a process compiles everything again
install=".venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python"
if ! $install --require-hashes -r requirements.lock; then
    echo "The dependencies could not be installed: the lines above say why." >&2
    exit 1
fi
# the build backend is in the lock, so nothing unlocked is fetched
$install --no-deps --no-build-isolation -e .
cat requirements.lock pyproject.toml >"$installed"
