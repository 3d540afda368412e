#!/bin/sh
# Styles and recommendations: from favorites to a list for a user. Copy this script and edit it for your files.
set -eu
DATA=${1:-sample_data}
export ETSYML_WORKSPACE=${2:-work}

etsyml ingest listings "$DATA/listings.csv"
etsyml ingest favorites "$DATA/favorites.jsonl"
etsyml train lda
etsyml evaluate --model lda
etsyml recommend --user U17 -k 5
