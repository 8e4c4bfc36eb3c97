// The list of what has come, and which of it is chosen. The address has both: the
// filters in its query, and what is chosen behind the hash.

import { session } from "./actions.js";
import { showAbsent, showDelivery, showHint } from "./detail.js";
import { badges, byID, button, element, load, moment, verdicts } from "./dom.js";
import { showTenants } from "./tenants.js";

const interval = 2000; // milliseconds between two looks at the server
const pageSize = 200; // rows that are fetched at once
const rowsAtMost = 5000; // for a page that stays open
const filters = ["text", "endpoint", "tenant", "outcome"];

// What is shown: rows by their names in the hash; the numbers of the newest and the oldest
// in memory, and when that came; whether memory has older ones, and where the archive goes
// on. A change of the filters begins a new view, and answers for the one before are dropped.
let view = newView();

function newView() {
	return { instance: "", rows: new Map(), newest: 0, oldest: 0, since: "", total: 0, memory: false, cursor: "" };
}

/** What the filters select, as the server wants to be asked. */
function selection(limit, bounds = {}) {
	const query = new URLSearchParams({ limit, ...bounds });
	const [provider, endpoint] = (byID("endpoint").value || "\n").split("\n");
	if (provider) query.set("provider", provider);
	if (endpoint) query.set("endpoint", endpoint);
	for (const name of ["text", "tenant", "outcome"]) {
		if (byID(name).value.trim()) query.set(name, byID(name).value.trim());
	}
	return query;
}

const filtered = () => filters.some((name) => byID(name).value.trim());

function row(d, name) {
	const about = [moment(d.received), d.endpoint === d.provider ? d.provider : `${d.provider} at ${d.endpoint}`, d.tenant, d.id].filter(Boolean).join(" · ");
	const link = element("a", { href: `#${name}`, "aria-current": String(location.hash === `#${name}`), title: about },
		element("span", { class: "event" }, d.event || `${d.method} ${d.path ?? d.uri}`), badges(verdicts(d)), element("span", { class: "about" }, about));
	return element("li", {}, link);
}

/** Adds rows at an end of the list. Those that are there stay, and so does the focus. */
function add(list, nameOf, atTop) {
	const made = [];
	for (const d of list) {
		const name = nameOf(d);
		if (view.rows.has(name)) continue;
		view.rows.set(name, d);
		made.push(row(d, name));
	}
	if (atTop) byID("deliveries").prepend(...made);
	else byID("deliveries").append(...made);
}

const numbered = (d) => `${view.instance}.${d.number}`;

/** Asks for what is newer than what is shown, or for all of it. */
async function newer() {
	const mine = view;
	const list = await load(`/webhooks/deliveries?${selection(pageSize, mine.newest ? { after: mine.newest } : {})}`);
	if (mine !== view) return;
	if (mine.instance && list.instance !== mine.instance || mine.newest && list.deliveries.length === pageSize) {
		begin(); // Caddy was started anew, or more has come than fits
		return;
	}
	const first = !mine.newest;
	mine.instance = list.instance;
	mine.total = list.total;
	add(list.deliveries, numbered, true);
	mine.newest = Math.max(mine.newest, ...list.deliveries.map((d) => d.number));
	if (first) {
		mine.since = list.deliveries.at(-1)?.received;
		mine.oldest = list.deliveries.at(-1)?.number ?? 0;
		mine.memory = list.deliveries.length < list.total;
	}
	if (mine.rows.size > rowsAtMost) begin();
	showState();
}

/** Asks for what is older than what is shown: first in memory, then in the archive. */
async function older() {
	const mine = view;
	byID("older").disabled = true;
	try {
		if (mine.memory) {
			const list = await load(`/webhooks/deliveries?${selection(pageSize, { before: mine.oldest })}`);
			if (mine !== view) return;
			add(list.deliveries, numbered, false);
			mine.oldest = list.deliveries.at(-1)?.number ?? mine.oldest;
			mine.since = list.deliveries.at(-1)?.received ?? mine.since;
			mine.memory = list.deliveries.length === pageSize && mine.rows.size < list.total;
		} else {
			const bounds = mine.cursor ? { before: mine.cursor } : mine.since ? { until: mine.since } : {};
			const list = await load(`/webhooks/events?${selection(pageSize, bounds)}`);
			if (mine !== view) return;
			add(list.events, (e) => `event/${e.ref}`, false);
			mine.cursor = list.next ?? "done";
		}
	} finally {
		byID("older").disabled = false;
		showState();
	}
}

function showState() {
	const shown = view.rows.size;
	byID("state").textContent = `${view.total > shown ? `${shown} of ${view.total}` : shown} webhook${shown === 1 ? "" : "s"}`;
	const archived = session.archive && view.cursor !== "done";
	byID("older").hidden = !view.memory && !archived;
	byID("older").textContent = view.memory ? "Older" : "Older, from the archive";
	byID("empty").hidden = shown > 0;
}

/** Begins anew, with other filters. */
function begin() {
	view = newView();
	byID("deliveries").replaceChildren();
	const query = new URLSearchParams(filters.map((name) => [name, byID(name).value.trim()]).filter(([, value]) => value));
	history.replaceState(null, "", `?${query}${location.hash}`);
	return refresh();
}

/** Puts values into a select, and keeps what is chosen. */
function offer(select, options) {
	const wanted = [["", "all"], ...options];
	if (select.value && !wanted.some(([value]) => value === select.value)) wanted.push([select.value, select.value.replace("\n", " ")]);
	if (JSON.stringify(wanted) === select.dataset.offered) return;
	const chosen = select.value;
	select.replaceChildren(...wanted.map(([value, text]) => element("option", { value }, text)));
	select.value = chosen;
	select.dataset.offered = JSON.stringify(wanted);
}

const nameOf = (p) => (p.endpoint === p.provider ? p.provider : `${p.provider} at ${p.endpoint}`);

function ago(seconds) {
	if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s ago`;
	if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
	return seconds < 86400 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86400)} days ago`;
}

const sum = (counts, wanted) => Object.entries(counts ?? {}).reduce((n, [name, count]) => n + (wanted(name) ? count : 0), 0);
const taken = new Set(["accepted", "unreadable", "observed", "handshake", "duplicate", "resent"]);

/** Shows how the endpoints are, since Caddy began. */
function showEndpoints(providers) {
	const states = providers.map((p) => ({
		p, verified: sum(p.outcomes, (name) => taken.has(name)), refused: sum(p.outcomes, (name) => !taken.has(name)),
		failed: sum(p.app, (name) => name === "none" || name >= "4xx"),
	}));
	byID("endpoints").hidden = !states.length;
	const total = (key) => states.reduce((n, s) => n + s[key], 0);
	byID("endpoints").firstElementChild.replaceChildren(
		`${states.length} endpoint${states.length === 1 ? "" : "s"}: ${total("verified")} verified`,
		...count(total("refused"), "refused"), ...count(total("failed"), "failed at the app"), ...count(states.filter((s) => s.p.silent).length, "silent"));
	byID("endpoints").lastElementChild.replaceChildren(...states.map(({ p, verified, refused, failed }) => element("li", {},
		element("strong", {}, nameOf(p)), `: ${verified} verified`, ...count(refused, "refused"), ...count(failed, "failed at the app"),
		p.last_verified ? `, the last ${ago(Date.now() / 1000 - p.last_verified)}` : "",
		p.silent ? element("span", { class: "bad" }, ", silent") : null,
		p.inspected ? null : element("span", { class: "dim" }, ", not inspected"))));
	offer(byID("endpoint"), providers.map((p) => [`${p.provider}\n${p.endpoint}`, nameOf(p)]));
	offer(byID("outcome"), [...new Set(providers.flatMap((p) => Object.keys(p.outcomes)))].sort().map((name) => [name, name]));
	showEmpty(providers);
}

const count = (n, what) => (n ? [element("span", { class: "bad" }, `, ${n} ${what}`)] : []);

/** Says why the list is empty, and how to fill it. */
function showEmpty(providers) {
	const p = providers.find((one) => one.inspected);
	const state = filtered() ? "filtered" : p ? nameOf(p) : "none";
	if (byID("empty").dataset.state === state) return; // a button in it may have the focus
	byID("empty").dataset.state = state;
	if (state === "filtered") {
		byID("empty").replaceChildren(element("p", {}, "Nothing that is kept fits."), button("Show all", () => {
			for (const name of filters) byID(name).value = "";
			begin();
		}));
	} else if (!p) {
		byID("empty").replaceChildren(element("p", {}, "Nothing is kept: write inspect into a handle_webhook block, or into the global option webhooks."));
	} else {
		const path = p.endpoint.startsWith("/") ? p.endpoint : "/…";
		byID("empty").replaceChildren(element("p", {}, "Nothing has come yet. Send a sample, with the secret of the endpoint:"),
			element("pre", {}, `caddy webhooks send ${p.provider} --to http://localhost:8080${path} --secret @secret.txt`));
	}
}

let lost = false; // Caddy does not answer

/** Asks for what there is to show. One question at a time: a slow answer must not overtake. */
async function refresh() {
	try {
		const [providers] = await Promise.all([load("/webhooks/providers"), newer(), showTenants(chooseTenant)]);
		showEndpoints(providers);
		if (lost) showState();
		lost = false;
	} catch {
		lost = true;
		byID("state").textContent = "Caddy does not answer";
	}
}

function chooseTenant(id) {
	byID("tenant").value = id;
	begin();
}

/** Opens what the hash names. */
async function open() {
	const name = location.hash.slice(1);
	for (const link of byID("deliveries").querySelectorAll("[aria-current=true]")) link.setAttribute("aria-current", "false");
	document.body.classList.toggle("chosen", name !== "");
	if (!name) return showHint();
	linkOf(name)?.setAttribute("aria-current", "true");
	const [instance, number] = name.split(".");
	try {
		const d = await load(name.startsWith("event/")
			? `/webhooks/events/${encodeURIComponent(name.slice("event/".length))}`
			: `/webhooks/deliveries/${encodeURIComponent(number ?? "")}?instance=${encodeURIComponent(instance)}`);
		if (location.hash.slice(1) === name) showDelivery(d, close);
	} catch {
		if (location.hash.slice(1) === name) {
			showAbsent(session.archive ? "It is not kept in memory any more. Search for it: the archive may have it." : "It is not kept any more.", close);
		}
	}
}

const linkOf = (name) => [...byID("deliveries").querySelectorAll("a")].find((link) => link.hash === `#${name}`);

/** Closes what is open, and goes back to its row. */
function close() {
	const name = location.hash.slice(1);
	history.pushState(null, "", location.pathname + location.search);
	open();
	linkOf(name)?.focus();
}

/** Moves the focus by so many rows. */
function move(by) {
	const links = [...byID("deliveries").querySelectorAll("a")];
	const at = links.indexOf(document.activeElement);
	const from = at >= 0 ? at + by : Math.max(0, links.findIndex((link) => link.getAttribute("aria-current") === "true"));
	links[Math.min(Math.max(from, 0), links.length - 1)]?.focus();
}

document.addEventListener("keydown", (event) => {
	if (event.ctrlKey || event.metaKey || event.altKey || byID("confirm").open) return;
	const typing = event.target.matches("input[type=search], select");
	const inList = event.target === document.body || byID("list").contains(event.target);
	if (event.key === "Escape") {
		if (event.target === byID("text")) move(0);
		else if (location.hash) close();
	} else if (event.key === "/" && !typing) {
		byID("text").focus();
	} else if (event.key === "ArrowDown" && (inList || event.target === byID("text"))) {
		move(event.target === byID("text") ? 0 : 1);
	} else if (event.key === "ArrowUp" && inList) {
		move(-1);
	} else if (event.key === "ArrowRight" && inList && location.hash) {
		byID("delivery").focus(); // whose text the other arrows scroll
	} else if (event.key === "ArrowLeft" && event.target === byID("delivery")) {
		linkOf(location.hash.slice(1))?.focus();
	} else {
		return;
	}
	event.preventDefault();
});

const narrow = matchMedia("(max-width: 48rem)"); // where the list and what is chosen take turns

let typed;
byID("filters").addEventListener("submit", (event) => event.preventDefault());
byID("filters").addEventListener("input", (event) => {
	if (event.target === byID("follow")) return;
	clearTimeout(typed);
	typed = setTimeout(begin, event.target.matches("input[type=search]") ? 200 : 0);
});
for (const [name, event] of [["order", "change"], ["tenants", "toggle"]]) byID(name).addEventListener(event, () => showTenants(chooseTenant));
byID("older").addEventListener("click", () => older().catch(() => { byID("state").textContent = "Caddy does not answer"; }));
byID("deliveries").addEventListener("click", (event) => {
	if (event.target.closest("a") && narrow.matches) byID("delivery").focus(); // the list is not shown any more
});
addEventListener("hashchange", open);
addEventListener("popstate", open);

for (const [name, value] of new URLSearchParams(location.search)) {
	if (!filters.includes(name)) continue;
	if (byID(name).matches("select")) byID(name).append(element("option", { value }, value.replace("\n", " ")));
	byID(name).value = value;
}
await refresh();
open();
(async function follow() {
	for (;;) {
		await new Promise((resolve) => setTimeout(resolve, interval));
		if (byID("follow").checked && !document.hidden) await refresh();
	}
})();
