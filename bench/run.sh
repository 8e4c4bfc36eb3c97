#!/usr/bin/env bash
# Records how fast this checkout is beside plain Caddy and others: results.json,
# results.md and ratios.svg in this directory. Needs the load harness, which is
# beside the project (../shared/bench) or where HARNESS says, set up by its
# setup.sh; on a machine with nothing else to do it takes about half an hour.
#
#	bench/run.sh             # all, recorded
#	bench/run.sh --quick …   # with options of the harness: printed, not recorded
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname -- "$here")
harness=${HARNESS:-$(dirname -- "$root")/shared/bench}
if [ ! -x "$harness/bench.py" ]; then
	echo "there is no harness in $harness; set HARNESS" >&2
	exit 2
fi
temp=$(mktemp -d)
trap 'rm -rf -- "$temp"' EXIT

caddy=$temp/caddy
go build -C "$root" -trimpath -ldflags '-s -w' -o "$caddy" ./cmd/caddy
variants=()
for variant in strict routes rewrite metrics stock deliver id archive; do
	variants+=(--also "$variant=$caddy=$here/$variant.Caddyfile")
done
export BENCH_ARCHIVE=$temp/archive
run() {
	"$harness/bench.py" --project-bin "$caddy" --project-caddyfile "$here/Caddyfile" "${variants[@]}" "$@"
}
if [ $# -gt 0 ]; then
	run "$@"
	exit
fi
go test -C "$root" ./route -run '^$' -bench 'Request/signed|HMAC' -benchmem -count 9 >"$temp/bench.txt"
run --json "$temp/run.json"
"$here/report.py" "$temp/run.json" "$temp/bench.txt" "$here"
