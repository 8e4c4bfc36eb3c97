#!/usr/bin/env bash
# Runs three NATS servers on this machine until it is interrupted, which keep
# what they acknowledge: each forces it to disk first. They listen on ports 4222
# to 4224, and are built from the Go module that go.mod names.
#
#	bash examples/cluster/nats.sh [FOLDER]
#
# What they keep is in FOLDER, by default a new one that is removed at the end.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
temp=$(mktemp -d)
folder=${1:-$temp}
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf -- "$temp"' EXIT

go build -C "$root" -o "$temp/nats-server" github.com/nats-io/nats-server/v2
for n in 0 1 2; do
	cat >"$temp/$n.conf" <<-EOF
		server_name: n$n
		listen: 127.0.0.1:$((4222 + n))
		max_payload: 2MB
		jetstream {
			store_dir: "$folder/n$n"
			sync_interval: always
		}
		cluster {
			name: webhooks
			listen: 127.0.0.1:$((6222 + n))
			routes: [nats://127.0.0.1:6222, nats://127.0.0.1:6223, nats://127.0.0.1:6224]
		}
	EOF
	"$temp/nats-server" --config "$temp/$n.conf" --log "$temp/$n.log" --pid "$temp/$n.pid" &
done
printf 'three servers run; their logs and pids are in %s\n' "$temp"
wait
