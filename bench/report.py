#!/usr/bin/env python3
"""Turns runs of the harness, and one of go test -bench on package route, into
results.json, results.md and ratios.svg. What several runs have is taken from the
first; a ratio is always of one run.

	bench/report.py RUN.json... BENCH.txt DIRECTORY
"""
import datetime
import html
import json
import os
import platform
import re
import subprocess
import sys
from statistics import median, quantiles

# What is to be reached: label, cell, system, at most, aim.
TARGETS = [
    ("CPU, 0.3 KB, 16 senders", "0.3k@16", "project", 0.88, 0.75),
    ("CPU, 6 KB, 16 senders", "6k@16", "project", 0.85, 0.75),
    ("CPU, 6 KB, 64 senders", "6k@64", "project", 0.85, 0.75),
    ("CPU, 97 KB, 16 senders", "100k@16", "project", None, None),
    ("CPU, 5 MB, 4 senders", "5m@4", "project", None, None),
    ("CPU, 6 KB, read to the end", "6k@16", "strict", 0.88, 0.80),
    ("CPU, 97 KB, read to the end", "100k@16", "strict", None, None),
    ("CPU, 5 MB, read to the end", "5m@4", "strict", None, None),
    ("CPU, 6 KB, one field rewritten", "6k@16", "rewrite", 1.10, 0.95),
    ("CPU, 6 KB, Caddy's metrics on", "6k@16", "metrics", None, None),
    ("CPU, 6 KB, stock reverse_proxy", "6k@16", "stock", None, None),
]

# What is compared with something else than plain Caddy: label, cell, system, cell and
# system of the other, at most, aim.
COMPARED = [
    ("CPU, 6 KB refused, to proxied", "6k-bad@16", "project", "6k@16", "project", 0.42, 0.36),
    ("CPU, 6 KB, 50 routes to 1", "6k@16", "routes", "6k@16", "project", 1.05, 1.02),
    ("CPU, 6 KB, webhook_deliver to webhook_proxy", "6k@16", "deliver", "6k@16", "id", 1.10, 1.05),
]

# What verifies too, and is no part of this project: name in the harness, label.
PEERS = [
    ("node", "Node.js, fastify and undici"),
    ("go-plain", "Go by hand, a first version"),
    ("go-limit", "Go by hand, at its limit"),
    ("nginx-njs", "nginx with njs"),
    ("haproxy", "HAProxy"),
    ("haproxy-6m", "HAProxy, buffers of 6 MiB"),
]

# The cells that are compared with plain Caddy plus the hash alone, and the bytes of
# their bodies.
HASHED = [("CPU, 97 KB", "100k@16", 97_190, 1.00, 0.90, 1.20, 1.10), ("CPU, 5 MB", "5m@4", 5_003_848, 1.00, 0.90, None, None)]


def processor(run, cell, name):
    """The processor time of a system in each round of a cell."""
    return [slice.get("cpu") for slice in run["cells"].get(cell, {}).get(name, [])]


def ratios(runs, cell, name, base_cell=None, base="caddy", more=0):
    """The ratios of each round to another system, which may have more to do."""
    for run in runs:
        pairs = zip(processor(run, cell, name), processor(run, base_cell or cell, base))
        if found := [mine / (theirs + more) for mine, theirs in pairs if mine and theirs]:
            return found
    return []


def row(label, values, most, aim):
    if not values:
        return None
    low, high = (quantiles(values, n=4)[0], quantiles(values, n=4)[2]) if len(values) > 1 else (values[0], values[0])
    return {"what": label, "ratio": round(median(values), 3), "quartiles": [round(low, 3), round(high, 3)],
            "at_most": most, "aim": aim}


def summarize(runs, hashing):
    """The rows of the table. Hashing is how many bytes are hashed in a microsecond."""
    rows = [row(label, ratios(runs, cell, name), most, aim) for label, cell, name, most, aim in TARGETS]
    for label, cell, size, most, aim, strict_most, strict_aim in HASHED:
        for name, words, limits in (("project", "", (most, aim)), ("strict", ", read to the end", (strict_most, strict_aim))):
            rows.append(row(f"{label}{words}, to plain plus HMAC", ratios(runs, cell, name, more=size / hashing), *limits))
    rows += [row(label, ratios(runs, cell, name, base_cell, base), most, aim)
             for label, cell, name, base_cell, base, most, aim in COMPARED]
    for run in runs:
        memory = [run.get("rss", {}).get(name, {}).get("5m") for name in ("project", "caddy-buf")]
        if not all(memory):
            continue
        rows.append(row("Peak memory, 64 senders of 5 MB, to Caddy with request_buffers", [memory[0] / memory[1]], 0.60, 0.40))
        break
    return [r for r in rows if r]


def peers(runs):
    """What others take for the same job."""
    found = []
    for name, label in [("project", "this project")] + PEERS:
        columns = {}
        for cell in ("0.3k@16", "6k@16", "6k@64", "6k-bad@16", "100k@16", "5m@4"):
            base_cell = "6k@16" if cell == "6k-bad@16" else cell
            values = ratios(runs, cell, name, base_cell)
            columns[cell] = round(median(values), 3) if values else None
        if any(columns.values()):
            found.append({"who": label, "ratios": columns})
    return found


def in_process(output):
    """What verifying, finding the event and one rule take without a server."""
    runs = re.findall(r"^BenchmarkRequest/signed\S*\s.*?([\d.]+) ns/op.*?(\d+) allocs/op", output, re.MULTILINE)
    if not runs:
        sys.exit("there is no BenchmarkRequest/signed in the output of go test")
    return {"what": "Verify, event and one rule, 6 KB", "microseconds": round(median(float(ns) for ns, _ in runs) / 1e3, 1),
            "allocations": max(int(n) for _, n in runs), "at_most": [12, 5], "aim": [4.5, 3]}


def hashing_speed(output):
    """How many bytes are hashed in a microsecond."""
    speeds = re.findall(r"^BenchmarkHMAC\S*\s.*?([\d.]+) MB/s", output, re.MULTILINE)
    if not speeds:
        sys.exit("there is no BenchmarkHMAC in the output of go test")
    return median(float(speed) for speed in speeds)


def machine():
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as info:
            names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
        name = names[0] if names else name
    go = subprocess.run(["go", "version"], capture_output=True, text=True, check=True).stdout.split()[2]
    return f"{name}, {os.cpu_count()} processors, {go}"


def table(results):
    lines = [
        "# Measured",
        "",
        f"{results['date']} on {results['machine']}. Processor time of a request as a ratio to plain Caddy, which proxies it",
        "unverified, in the same run: medians over the rounds, with quartiles. How: [README.md](README.md).",
        "",
        "| what | ratio | quartiles | at most | aim |",
        "|---|---|---|---|---|",
    ]
    shown = lambda value: "" if value is None else f"{value:.2f}"
    for r in results["ratios"]:
        low, high = r["quartiles"]
        lines.append(f"| {r['what']} | **{r['ratio']:.2f}** | {low:.2f} to {high:.2f} | {shown(r['at_most'])} | {shown(r['aim'])} |")
    lines += [
        "",
        "What others take for the same job, likewise as ratios to plain Caddy; refused is compared with plain Caddy proxying 6 KB:",
        "",
        "| who | 0.3 KB | 6 KB | 6 KB, 64 senders | 6 KB refused | 97 KB | 5 MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for peer in results["peers"]:
        lines.append(f"| {peer['who']} | " + " | ".join(shown(value) for value in peer["ratios"].values()) + " |")
    costs = lambda time, allocations: f"{time} µs, {allocations} allocations"
    p = results["in_process"]
    lines += [
        "",
        "Without a server, by `go test ./route -bench Request/signed`, the median of several runs:",
        "",
        "| what | cost | at most | aim |",
        "|---|---|---|---|",
        f"| {p['what']} | **{costs(p['microseconds'], p['allocations'])}** | {costs(*p['at_most'])} | {costs(*p['aim'])} |",
    ]
    return "\n".join(lines) + "\n"


def plot(results):
    """Bars of the ratios, with a line where plain Caddy is."""
    left, width, step = 350, 360, 26
    rows = results["ratios"] + [{"what": f"6 KB, {peer['who']}", "ratio": peer["ratios"]["6k@16"], "peer": True}
                                for peer in results["peers"][1:] if peer["ratios"]["6k@16"]]
    scale = width / max(2.5, max(r["ratio"] for r in rows))
    height = step * len(rows) + 56
    one = left + scale
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 60} {height}" '
        'font-family="system-ui, sans-serif" font-size="13" role="img">',
        "<title>Cost of verified webhooks, as ratios to plain Caddy</title>",
        f'<rect width="{left + width + 60}" height="{height}" fill="#ffffff"/>',
        f'<text x="{left}" y="20" fill="#57606a">as a ratio to plain Caddy, which verifies nothing; less is better</text>',
    ]
    for i, r in enumerate(rows):
        y = 34 + i * step
        color = "#6e7781" if "peer" in r else "#1a7f37" if r["at_most"] is None or r["ratio"] <= r["at_most"] else "#cf222e"
        label = html.escape(r["what"].replace(", to Caddy with request_buffers", " (2)").replace(", to proxied", " (1)").replace(", to plain plus HMAC", " (3)"))
        parts.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end" fill="#1f2328">{label}</text>')
        parts.append(f'<rect x="{left}" y="{y}" width="{r["ratio"] * scale:.1f}" height="18" rx="2" fill="{color}"/>')
        parts.append(f'<text x="{left + r["ratio"] * scale + 6:.1f}" y="{y + 14}" fill="#1f2328">{r["ratio"]:.2f}</text>')
    bottom = 34 + step * len(rows)
    parts.append(f'<line x1="{one:.1f}" y1="28" x2="{one:.1f}" y2="{bottom}" stroke="#57606a" stroke-dasharray="4 3"/>')
    parts.append(f'<text x="8" y="{bottom + 14}" fill="#57606a" font-size="11">(1) to a request that is proxied '
                 "(2) to Caddy with request_buffers (3) to plain Caddy plus the hash alone; grey: others</text>")
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def main(*arguments):
    *sources, stages, directory = arguments
    runs = []
    for source in sources:
        with open(source) as f:
            runs.append(json.load(f))
    with open(stages) as f:
        output = f.read()
    results = {"date": datetime.date.today().isoformat(), "machine": machine(), "ratios": summarize(runs, hashing_speed(output)),
               "peers": peers(runs), "in_process": in_process(output)}
    for name, content in (("results.json", json.dumps(results, indent=2) + "\n"), ("results.md", table(results)),
                          ("ratios.svg", plot(results))):
        with open(os.path.join(directory, name), "w") as f:
            f.write(content)
    print(table(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
