// face-api as a judge: its two detectors on tensors as in Node.js, and its default one on a canvas as in browsers.
// The request and the lines are those of serving.py; the packages are found from the folder it is started in.
'use strict';

const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const load = createRequire(path.join(process.cwd(), 'package.json'));
const { loadImage, createCanvas, Canvas, Image, ImageData } = load('@napi-rs/canvas');
const tf = load('@tensorflow/tfjs');
const wasm = load('@tensorflow/tfjs-backend-wasm');
const main = load.resolve('@vladmandic/face-api/dist/face-api.node-wasm.js');
const faceapi = require(main);

const JUDGES = {
  'faceapi-ssd': { options: () => new faceapi.SsdMobilenetv1Options(), input: asTensor },
  'faceapi-tiny': { options: () => new faceapi.TinyFaceDetectorOptions(), input: asTensor },
  'faceapi-canvas': { options: () => new faceapi.SsdMobilenetv1Options(), input: (canvas) => canvas },
};

function say(line) {
  fs.writeSync(1, `${JSON.stringify(line)}\n`);
}

async function prepare() {
  wasm.setWasmPaths(`${path.dirname(load.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  wasm.setThreadsCount(1);
  await tf.setBackend('wasm');
  await tf.ready();
  faceapi.env.monkeyPatch({
    Canvas, Image, ImageData,
    CanvasRenderingContext2D: createCanvas(1, 1).getContext('2d').constructor,
    createCanvasElement: () => createCanvas(1, 1),
    createImageElement: () => new Image(),
  });
  const models = path.join(path.dirname(main), '..', 'model');
  const { ssdMobilenetv1, tinyFaceDetector, faceLandmark68Net, faceRecognitionNet } = faceapi.nets;
  for (const net of [ssdMobilenetv1, tinyFaceDetector, faceLandmark68Net, faceRecognitionNet]) {
    await net.loadFromDisk(models);
  }
}

async function open(file) {
  const image = await loadImage(file);
  const canvas = createCanvas(image.width, image.height);
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas;
}

function asTensor(canvas) {
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const rgb = new Int32Array(width * height * 3);
  for (let i = 0, k = 0; i < data.length; i += 4) {
    for (let c = 0; c < 3; c += 1, k += 1) rgb[k] = data[i + c];
  }
  return tf.tensor3d(rgb, [height, width, 3], 'int32');
}

async function embed(canvas, judge) {
  const { options, input } = JUDGES[judge];
  const given = input(canvas);
  const found = await faceapi.detectAllFaces(given, options()).withFaceLandmarks().withFaceDescriptors();
  if (given instanceof tf.Tensor) given.dispose();
  const far = ({ detection: { box } }) => (
    (2 * box.x + box.width - canvas.width) ** 2 + (2 * box.y + box.height - canvas.height) ** 2
  );
  return found.sort((a, b) => far(a) - far(b)).map((face) => Array.from(face.descriptor));
}

// The distance of two descriptors, and whether a matcher that knows the first takes the second for it.
function compare(one, other) {
  const match = new faceapi.FaceMatcher(Float32Array.from(one)).findBestMatch(Float32Array.from(other));
  return [match.distance, match.label !== 'unknown'];
}

function pair(one, other) {
  if (!one.length || !other.length) return { distance: null, match: false, nearest: null };
  const [distance, match] = compare(one[0], other[0]);
  const all = one.flatMap((a) => other.map((b) => compare(a, b)[0]));
  return { distance, match, nearest: Math.min(...all) };
}

async function serve() {
  const { judges, photos, known, pairs } = JSON.parse(fs.readFileSync(0, 'utf8'));
  await prepare();
  const { version } = faceapi;
  const threshold = new faceapi.FaceMatcher(new Float32Array(128)).distanceThreshold;
  say({ about: Object.fromEntries(judges.map((name) => [name, { client: `face-api ${version}`, threshold }])) });
  for (const name of judges) known[name] ??= {};
  for (const [key, photo] of Object.entries(photos)) {
    const canvas = await open(photo.path);
    for (const judge of photo.judges) {
      const faces = await embed(canvas, judge);
      known[judge][key] = faces;
      say({ photo: key, judge, faces });
    }
  }
  for (const [judge, one, other] of pairs) {
    say({ pair: [judge, one, other], ...pair(known[judge][one], known[judge][other]) });
  }
}

serve().catch((error) => {
  console.error(error);
  process.exit(1);
});
