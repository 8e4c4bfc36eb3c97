#!/usr/bin/env python3
"""Turns a run of the harness, and one of go test -bench on package route, into
results.json, results.md and ratios.svg.

	bench/report.py RUN.json BENCH.txt DIRECTORY
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
    ("CPU, 0.3 KB, 16 senders", "0.3k@16", "project", 1.05, 0.90),
    ("CPU, 6 KB, 16 senders", "6k@16", "project", 1.05, 0.90),
    ("CPU, 6 KB, 64 senders", "6k@64", "project", 1.05, 0.90),
    ("CPU, 97 KB, 16 senders", "100k@16", "project", 1.50, 1.34),
    ("CPU, 5 MB, 4 senders", "5m@4", "project", 2.30, 1.84),
    ("CPU, 6 KB refused, to proxied", "6k-bad@16", "project", 0.50, 0.36),
    ("CPU, 6 KB, read to the end", "6k@16", "strict", 1.10, 0.93),
    ("CPU, 97 KB, read to the end", "100k@16", "strict", 2.00, 1.79),
    ("CPU, 5 MB, read to the end", "5m@4", "strict", 2.60, 2.30),
    ("CPU, 6 KB, one field rewritten", "6k@16", "rewrite", 1.10, 0.95),
    ("CPU, 6 KB, Caddy's metrics on", "6k@16", "metrics", None, None),
    ("CPU, 6 KB, stock reverse_proxy", "6k@16", "stock", None, None),
]


def ratios(cells, cell, name, base="caddy"):
    """The ratios of each round; refusals are compared with requests that are proxied."""
    mine = cells.get(cell, {}).get(name, [])
    theirs = cells.get("6k@16" if cell == "6k-bad@16" else cell, {}).get(base, [])
    return [m["cpu"] / t["cpu"] for m, t in zip(mine, theirs) if "cpu" in m and "cpu" in t]


def row(label, values, most, aim):
    if not values:
        return None
    low, high = (quantiles(values, n=4)[0], quantiles(values, n=4)[2]) if len(values) > 1 else (values[0], values[0])
    return {"what": label, "ratio": round(median(values), 3), "quartiles": [round(low, 3), round(high, 3)],
            "at_most": most, "aim": aim}


def summarize(run):
    cells = run["cells"]
    rows = [row(label, ratios(cells, cell, name), most, aim) for label, cell, name, most, aim in TARGETS]
    rows.append(row("CPU, 6 KB, 50 routes to 1", ratios(cells, "6k@16", "routes", "project"), 1.05, 1.02))
    memory = [run.get("rss", {}).get(name, {}).get("5m") for name in ("project", "caddy-buf")]
    rows.append(row("CPU, 6 KB, webhook_deliver to webhook_proxy", ratios(cells, "6k@16", "deliver", "id"), 1.05, None))
    if all(memory):
        rows.append(row("Peak memory, 64 senders of 5 MB, to Caddy with request_buffers", [memory[0] / memory[1]], 0.60, 0.40))
    return [r for r in rows if r]


def in_process(output):
    """What verifying, finding the event and one rule take without a server."""
    runs = re.findall(r"^BenchmarkRequest/signed\S*\s.*?([\d.]+) ns/op.*?(\d+) allocs/op", output, re.MULTILINE)
    if not runs:
        sys.exit("there is no BenchmarkRequest/signed in the output of go test")
    return {"what": "Verify, event and one rule, 6 KB", "microseconds": round(median(float(ns) for ns, _ in runs) / 1e3, 1),
            "allocations": max(int(n) for _, n in runs), "at_most": [12, 5], "aim": [4.5, 3]}


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
    rows, left, width, step = results["ratios"], 330, 360, 26
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
        color = "#1a7f37" if r["at_most"] is None or r["ratio"] <= r["at_most"] else "#cf222e"
        label = html.escape(r["what"].replace(", to Caddy with request_buffers", " (2)").replace(", to proxied", " (1)"))
        parts.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end" fill="#1f2328">{label}</text>')
        parts.append(f'<rect x="{left}" y="{y}" width="{r["ratio"] * scale:.1f}" height="18" rx="2" fill="{color}"/>')
        parts.append(f'<text x="{left + r["ratio"] * scale + 6:.1f}" y="{y + 14}" fill="#1f2328">{r["ratio"]:.2f}</text>')
    bottom = 34 + step * len(rows)
    parts.append(f'<line x1="{one:.1f}" y1="28" x2="{one:.1f}" y2="{bottom}" stroke="#57606a" stroke-dasharray="4 3"/>')
    parts.append(f'<text x="8" y="{bottom + 14}" fill="#57606a" font-size="11">(1) to a request that is proxied '
                 "(2) to Caddy with request_buffers</text>")
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def main(source, stages, directory):
    with open(source) as f:
        run = json.load(f)
    with open(stages) as f:
        alone = in_process(f.read())
    results = {"date": datetime.date.today().isoformat(), "machine": machine(), "ratios": summarize(run), "in_process": alone}
    for name, content in (("results.json", json.dumps(results, indent=2) + "\n"), ("results.md", table(results)),
                          ("ratios.svg", plot(results))):
        with open(os.path.join(directory, name), "w") as f:
            f.write(content)
    print(table(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
