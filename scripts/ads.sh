#!/bin/sh
# Click-through rates of ads: from impressions to a score for each of them. Copy this script and edit it for your files.
set -eu
DATA=${1:-sample_data}
export ETSYML_WORKSPACE=${2:-work}

etsyml ingest listings "$DATA/listings.csv"
etsyml ingest impressions "$DATA/impressions.csv.gz"
etsyml train ctr
etsyml evaluate --model ctr
etsyml score "$ETSYML_WORKSPACE/tables/impressions.parquet"
