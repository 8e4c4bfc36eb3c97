// What is shown here was written by strangers. It only ever becomes text:
// elements are made one by one, and nothing is parsed as HTML. The page's
// content policy has the browser refuse anything else.

const byID = (id) => document.getElementById(id);
const interval = 2000; // milliseconds between two looks at the server
const shownAtMost = 200; // rows
const good = new Set(["accepted", "handshake", "duplicate"]);

const state = { instance: "", deliveries: [], selected: 0, signature: "" };

// element makes an element with attributes, and text or other elements in it.
function element(name, attributes = {}, ...children) {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
	made.append(...children.filter((child) => child !== null && child !== undefined));
	return made;
}

const outcomeClass = (outcome) => ({ class: good.has(outcome) ? "good" : "bad" });

async function load(path) {
	const answer = await fetch(path, { credentials: "same-origin", cache: "no-store" });
	if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
	return answer.json();
}

function filter() {
	const query = new URLSearchParams({ limit: shownAtMost });
	for (const name of ["provider", "endpoint", "event", "outcome"]) {
		const value = byID(name).value.trim();
		if (value) query.set(name, value);
	}
	return query;
}

// offer puts the values into a select, and keeps what is chosen.
function offer(select, values) {
	const wanted = ["", ...values];
	if (select.value && !wanted.includes(select.value)) wanted.push(select.value);
	if ([...select.options].map((option) => option.value).join("\n") === wanted.join("\n")) return;
	const chosen = select.value;
	select.replaceChildren(...wanted.map((value) => element("option", { value }, value || "all")));
	select.value = chosen;
}

function showProviders(providers) {
	const now = Date.now() / 1000;
	byID("providers").replaceChildren(...providers.map((p) => {
		const sum = (wanted) => Object.entries(p.outcomes).reduce((n, [name, count]) => n + (wanted(name) ? count : 0), 0);
		const refused = sum((name) => !good.has(name));
		const last = p.last_verified ? `, last ${ago(now - p.last_verified)}` : "";
		return element("li", {},
			element("strong", {}, p.provider), p.endpoint === p.provider ? "" : ` at ${p.endpoint}`, ` ${sum((name) => good.has(name))} taken`,
			refused ? element("span", { class: "bad" }, `, ${refused} refused`) : null, last,
			p.silent ? element("span", { class: "bad" }, ", silent") : null,
			p.inspected ? null : element("span", { class: "dim" }, ", not inspected"));
	}));
	offer(byID("provider"), [...new Set(providers.map((p) => p.provider))]);
	offer(byID("endpoint"), [...new Set(providers.map((p) => p.endpoint))].sort());
	offer(byID("outcome"), [...new Set(providers.flatMap((p) => Object.keys(p.outcomes)))].sort());
	byID("empty").textContent = providers.some((p) => p.inspected)
		? "Nothing that the filters let through has come."
		: "Nothing is kept: write inspect into a handle_webhook block, or into the global option webhooks.";
}

function ago(seconds) {
	if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s ago`;
	if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
	return `${Math.round(seconds / 3600)} h ago`;
}

function showList() {
	byID("empty").hidden = state.deliveries.length > 0;
	byID("deliveries").replaceChildren(...state.deliveries.map((d) => {
		const open = element("button", { type: "button" }, new Date(d.received).toLocaleTimeString());
		const row = element("tr", { "data-number": d.number, "aria-current": String(d.number === state.selected) },
			element("td", { title: d.received }, open),
			element("td", {}, d.provider),
			element("td", {}, d.endpoint),
			element("td", {}, d.event ?? ""),
			element("td", outcomeClass(d.outcome), d.outcome),
			element("td", {}, d.route ?? ""),
			element("td", {}, d.status ? String(d.status) : ""));
		row.addEventListener("click", () => select(d.number));
		return row;
	}));
}

async function select(number) {
	state.selected = number;
	showList();
	try {
		showDelivery(await load(`/webhooks/deliveries/${number}`));
	} catch (error) {
		byID("delivery").hidden = false;
		byID("delivery").replaceChildren(element("p", {}, "It is not kept any more."));
	}
}

// part is a headed part of a delivery, or nothing where there is nothing to show.
function part(title, content) {
	return content ? [element("h3", {}, title), content] : [];
}

const mark = (yes) => element("span", { class: yes ? "good" : "bad" }, yes ? "[yes] " : "[no] ");

function steps(list) {
	if (!list) return null;
	return element("ul", { class: "plain" }, ...list.map((s) => element("li", {}, mark(s.passed), s.check,
		s.passed ? null : element("ul", {}, element("li", { class: "bad" }, [s.reason, s.detail].filter(Boolean).join(": "))))));
}

function near(list) {
	return list && element("ul", { class: "plain" }, ...list.map((text) => element("li", {}, text)));
}

function rules(list) {
	if (!list) return null;
	return element("ul", { class: "plain" }, ...list.map((r) => element("li", {}, mark(r.matched),
		r.events ? `event ${r.events.join(" ")}` : `when ${r.when}`,
		r.clauses?.length > 1 || r.clauses?.[0]?.error
			? element("ul", {}, ...r.clauses.map((c) => element("li", { class: "dim" }, `${c.source}: ${c.error ? `failed: ${c.error}` : c.value}`)))
			: null)));
}

function facts(pairs) {
	const present = pairs.filter(([, value]) => value);
	if (!present.length) return null;
	return element("dl", {}, ...present.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]));
}

function payload(text) {
	if (!text) return null;
	if (text.omitted) return element("p", { class: "dim" }, `Not kept: ${text.omitted}.`);
	let content = text.content;
	try {
		content = JSON.stringify(JSON.parse(content), null, 2);
	} catch { /* as it is */ }
	return element("pre", {}, content);
}

function diff(d) {
	if (!d.rewritten) return null;
	if (!d.rewrite) return element("p", { class: "dim" }, `The payload was rewritten. It is not shown: ${d.sent?.omitted ?? "payloads are not kept"}.`);
	return element("pre", {}, ...d.rewrite.map((line) => element("span", { class: line.startsWith("+") ? "good" : "bad" }, line)));
}

function showDelivery(d) {
	if (d.number !== state.selected) return;
	const view = byID("delivery");
	view.hidden = false;
	view.dataset.number = d.number;
	view.replaceChildren(
		element("h2", {}, d.event || d.outcome),
		facts([
			["Outcome", d.outcome + (d.detail ? `: ${d.detail}` : "")], ["Provider", d.provider], ["Endpoint", d.endpoint], ["Event", d.event], ["Id", d.id],
			["Route", d.route], ["Request", `${d.method} ${d.host}${d.path}`], ["From", d.client_ip], ["Received", d.received],
			["Size", `${d.size} bytes`], ["Status", d.status], ["Handled in", d.duration ? `${(d.duration / 1e6).toFixed(1)} ms` : ""],
		]),
		...part("Verification", steps(d.verification)),
		...part("What would have verified", near(d.near)),
		...part("Events and rules", rules(d.rules)),
		...part("What a rewrite changed", diff(d)),
		...part("Payload", payload(d.body)),
		...part("Headers", facts((d.headers ?? []).map((h) => [h.name, h.value || " "]))),
	);
}

async function refresh() {
	try {
		const [providers, list] = await Promise.all([load("/webhooks/providers"), load(`/webhooks/deliveries?${filter()}`)]);
		showProviders(providers);
		const signature = JSON.stringify([list.instance, list.deliveries.map((d) => d.number)]);
		state.deliveries = list.deliveries;
		if (signature !== state.signature) showList(); // else the focus would be lost
		state.signature = signature;
		byID("empty").hidden = state.deliveries.length > 0;
		byID("state").textContent = `${list.deliveries.length} shown`;
	} catch (error) {
		byID("state").textContent = "Caddy does not answer";
	}
}

byID("filters").addEventListener("submit", (event) => event.preventDefault());
byID("filters").addEventListener("input", refresh);
await refresh();
setInterval(() => { if (byID("follow").checked && !document.hidden) refresh(); }, interval);
