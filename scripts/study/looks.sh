#!/usr/bin/env bash
# Prepares a blind study of how the three levels look, beside MI-FGSM: docs/lab/study.md says what it is for.
# Usage: scripts/study/looks.sh PHOTOS OUT [PICTURES]
#   PHOTOS    a folder a person, each with at least two photos (half are the gallery, the others are changed)
#   OUT       gets report/ (the evaluation), and study/ (rating.html to send, key.json to keep)
#   PICTURES  how many contents are rated, 10 unless given
# What was done already is not done again. TARGETS (dlib) says whom the photos are cloaked against.
set -euo pipefail

[ $# = 2 ] || [ $# = 3 ] || { sed -n 2,7p "$0" >&2; exit 2; }
photos=$1 out=$2 pictures=${3:-10}
attacks=mnd-minimum,mnd-robust,mnd-strong,mi-fgsm

# twice as many as are rated: a level may refuse some, and the training wants contents of its own
status=0
mnd evaluate --data "$photos" --targets "${TARGETS:-dlib}" --attacks "$attacks" --limit $((2 * pictures)) \
    --draws 0 --out "$out/report" || status=$?
[ "$status" -le 1 ] || exit "$status"  # 1: a level has refused a photo, which is told and left out

mnd study create "$out/report" --attacks "$attacks" --pictures "$pictures" --seconds 8 --out "$out/study"
echo "send $out/study/rating.html, keep key.json; then: mnd study score $out/study ANSWERS... --out $out/report"
