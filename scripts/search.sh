#!/bin/sh
# Search ranking: from raw logs to a ranked result page. Copy this script and edit it for your files.
set -eu
DATA=${1:-sample_data}
export ETSYML_WORKSPACE=${2:-work}

etsyml ingest listings "$DATA/listings.csv"
etsyml ingest searches "$DATA/searches.tsv.gz"
etsyml extract-images
etsyml train ltr
etsyml evaluate --model ltr
etsyml rank --query "wool scarf" -k 5
etsyml similar --listing L17 -k 5
