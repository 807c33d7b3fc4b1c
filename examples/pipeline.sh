#!/usr/bin/env bash
# Raw stacks to trees, with scores where there is a gold standard; each step is a command of its own,
# so that any of them can be replaced.
#
# Usage: examples/pipeline.sh STACKS RESULTS [GOLD]
#   STACKS   a folder of name.tif
#   RESULTS  a folder for name_seg.tif, name.swc, name.html; made where it does not exist
#   GOLD     a folder of name.swc
#
# What is there already is not made again: remove a file to have it made again, or, where all files
# and options shall be watched, use `neurorecon run`. A stack that fails does not stop the others: those are
# listed before the scores, and the exit code is 1.
set -euo pipefail

stacks=${1:?"usage: $0 STACKS RESULTS [GOLD]"}
results=${2:?"usage: $0 STACKS RESULTS [GOLD]"}
gold=${3:-}
failed=()

mkdir -p "$results"
for stack in "$stacks"/*.tif; do
  name=$(basename "$stack" .tif)
  out="$results/$name"
  if ! {
    { [[ -e "${out}_seg.tif" ]] || neurorecon segment "$stack" --out "${out}_seg.tif"; } &&
      { [[ -e "$out.swc" ]] ||
        neurorecon trace "${out}_seg.tif" --image "$stack" --out "$out.swc"; } &&
      { [[ -e "$out.html" ]] || neurorecon view "$stack" "$out.swc" --out "$out.html"; }
  }; then
    failed+=("$stack")
  fi
done

status=0
if ((${#failed[@]})); then
  printf 'failed: %s\n' "${failed[@]}" >&2
  status=1
fi
if [[ -n "$gold" ]]; then
  scores="$results/.scores.csv.partial"  # under its own name only when it is whole
  trap 'rm -f "$scores"' EXIT
  if neurorecon evaluate "$results/*.swc" "$gold/*.swc" --csv > "$scores"; then
    mv "$scores" "$results/scores.csv"
  else
    status=1
  fi
fi
exit $status
