// What can be done with a webhook: copy it, export it, have it handed over again.

import { badges, button, byID, element, load, milliseconds } from "./dom.js";

/** What this page may do and this Caddy has. */
export const session = await load("/webhooks/session").catch(() => ({ token: "", archive: false, queue: false }));

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// A terminal acts on control characters, also on those that are pasted.
const tame = (text) => text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "�");

/** Writes a request as a command line of curl. What is not kept is left out. */
export function curl(d) {
	const local = /^(localhost|127\.|\[::1\])/.test(d.host) || /:\d+$/.test(d.host);
	const parts = [`curl -i -X ${quote(d.method)} ${quote(`${d.scheme ?? (local ? "http" : "https")}://${d.host}${d.uri ?? d.path}`)}`];
	for (const { name, value } of d.headers ?? []) {
		if (/^(host|content-length|connection|accept-encoding)$/i.test(name) || value === "[redacted]" || name === "…") continue;
		parts.push(`-H ${quote(`${name}: ${value}`)}`);
	}
	const body = typeof d.body === "string" ? d.body : d.body?.content;
	if (body) parts.push(`--data-raw ${quote(body)}`);
	return tame(parts.join(" \\\n  "));
}

async function copy(text, from, said) {
	try {
		await navigator.clipboard.writeText(text);
		said.replaceChildren(`${from.textContent}: copied.`);
	} catch {
		said.replaceChildren("The browser does not let this page copy.");
	}
}

/** Asks before something is done that an app may act upon. */
function confirmed(question, yes) {
	const dialog = byID("confirm");
	byID("question").textContent = question;
	byID("yes").textContent = yes;
	dialog.returnValue = "no"; // also where Escape closes it
	dialog.showModal();
	return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

for (const id of ["yes", "no"]) byID(id).addEventListener("click", () => byID("confirm").close(id));

/** Has the server change something. Only a page that was given a token can. */
const change = (path, ref) =>
	load(`${path}?ref=${encodeURIComponent(ref)}`, { method: "POST", headers: { "X-Inspector-Token": session.token } });

async function resend(ref, from, said) {
	if (!await confirmed("Hand this webhook to its endpoint's routes again? The app may act on it a second time.", "Send again")) return;
	from.disabled = true;
	said.replaceChildren("It is being sent…");
	try {
		const result = await change("/webhooks/events/resend", ref);
		const ok = result.outcome === "resent" && result.status < 400;
		said.replaceChildren(badges([{ text: `${result.outcome} ${result.status || ""}`.trim(), tone: ok ? "good" : "bad" }]), " ",
			[result.duration ? `in ${milliseconds(result.duration)}` : "", result.detail ?? "", result.body ?? ""].filter(Boolean).join(" "));
	} catch (error) {
		said.replaceChildren(element("span", { class: "bad" }, error.message));
	}
	from.disabled = false;
}

/** Finds the record of a delivery in the archive: it has come at the same moment. */
async function recordOf(d) {
	if (!session.archive) return "";
	const at = new Date(d.received);
	const around = (delta) => new Date(at.getTime() + delta).toISOString();
	const query = new URLSearchParams({ endpoint: d.endpoint, provider: d.provider, since: around(-1000), until: around(1000), limit: 50 });
	const { events } = await load(`/webhooks/events?${query}`);
	const near = (e) => Math.abs(new Date(e.received) - at);
	const same = events.filter((e) => near(e) <= 5 && (!d.id || e.id === d.id)).sort((a, b) => near(a) - near(b));
	return same[0]?.ref ?? "";
}

/** The buttons of a webhook, and what they say. Those of the archive come when it has it. */
export function actions(d) {
	const said = element("p", { class: "said", role: "status" });
	const bar = element("div", { class: "actions" },
		button("Copy as cURL", (from) => copy(curl(d), from, said)),
		button("Copy link", (from) => copy(location.href, from, said)));
	const offer = (ref) => {
		if (!ref) return;
		bar.append(element("a", { href: `/webhooks/events/${encodeURIComponent(ref)}/request`, download: `${ref}.http` }, "Export"));
		if (session.token) bar.append(button("Send again…", (from) => resend(ref, from, said), { class: "act" }));
	};
	if (d.ref) offer(d.ref);
	else recordOf(d).then(offer, () => {});
	return [bar, said];
}

/** What waits of a webhook, or was given up, with the button to try again. */
export async function attempts(d) {
	if (!session.queue || !d.id) return null;
	const entries = await load(`/webhooks/queue/entries?${new URLSearchParams({ id: d.id, provider: d.provider })}`);
	if (!entries.length) return d.deliver ? element("p", {}, "Nothing waits: the app has it, or it was deleted.") : null;
	const said = element("p", { class: "said", role: "status" });
	const again = async (entry, from) => {
		const dead = entry.state === "dead";
		if (!await confirmed(`Have ${entry.destination} attempted again at once?`, dead ? "Requeue" : "Try now")) return;
		from.disabled = true;
		try {
			const { count } = await change(dead ? "/webhooks/queue/requeue" : "/webhooks/queue/retry", entry.ref);
			said.replaceChildren(count ? "It is due at once." : "It is not there any more.");
		} catch (error) {
			said.replaceChildren(element("span", { class: "bad" }, error.message));
		}
	};
	const row = (e) => element("tr", {},
		element("td", {}, e.destination),
		element("td", {}, badges([{ text: e.state, tone: e.state === "dead" ? "bad" : "warn" }])),
		element("td", {}, String(e.attempts)),
		element("td", {}, [e.status, e.reason].filter(Boolean).join(" ")),
		element("td", {}, e.due ? new Date(e.due).toLocaleString() : "never"),
		session.token ? element("td", {}, button(e.state === "dead" ? "Requeue…" : "Try now…", (from) => again(e, from))) : null);
	const head = ["Destination", "State", "Attempts", "Last failure", "Next attempt", ...(session.token ? [""] : [])];
	return element("div", {}, element("div", { class: "scroll" }, element("table", {},
		element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)))),
		element("tbody", {}, ...entries.map(row)))), said);
}
