// One webhook: what came, what was decided, what the app made of it.

import { actions, attempts } from "./actions.js";
import { badges, button, byID, element, facts, handedOn, milliseconds, verdicts } from "./dom.js";

/** A headed part, or nothing where there is nothing to show. */
function part(title, content) {
	return content ? [element("h3", {}, title), content] : [];
}

const mark = (yes) => element("span", { class: yes ? "good" : "bad" }, yes ? "[yes] " : "[no] ");

function steps(list) {
	if (!list) return null;
	return element("ul", { class: "plain" }, ...list.map((s) => element("li", {}, mark(s.passed), s.check,
		s.passed ? null : element("ul", {}, element("li", { class: "bad" }, [s.reason, s.detail].filter(Boolean).join(": "))))));
}

function lines(list) {
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

function pretty(content) {
	try {
		return JSON.stringify(JSON.parse(content), null, 2);
	} catch {
		return content; // as it is
	}
}

function payload(text) {
	if (!text) return null;
	if (typeof text === "string") return element("pre", { tabindex: 0 }, pretty(text));
	if (text.omitted) return element("p", { class: "dim" }, `Not kept: ${text.omitted}.`);
	return element("pre", { tabindex: 0 }, pretty(text.content));
}

/** What the app got, where it is not what came; what differs is one click away. */
function rewritten(d) {
	if (!d.rewritten) return null;
	if (!d.rewrite) return element("p", { class: "dim" }, `The payload was rewritten. It is not shown: ${d.sent?.omitted ?? "payloads are not kept"}.`);
	return element("div", {}, payload(d.sent), element("details", {}, element("summary", {}, "Lines that differ"),
		element("pre", { tabindex: 0 }, ...d.rewrite.map((line) => element("span", { class: line.startsWith("+") ? "good" : "bad" }, line)))));
}

/** What the app answered, and what the sender got of that. */
function answer(d) {
	const handled = d.duration ? ` in ${milliseconds(d.duration)}` : "";
	if (d.deliver) return `${d.status ?? "nothing"}${handled}, by webhook_deliver`;
	if (d.withheld) return `${d.app}${handled}; the sender got a 502, as providers disable an endpoint for ${d.app}`;
	if (d.app) return `${d.app}${handled}`;
	if (!handedOn.has(d.outcome)) return "";
	return d.ref ? `${d.status ?? "none"}${handled}` : `none${handled}; the sender got a ${d.status ?? "broken connection"}`;
}

function later(notes) {
	return notes && element("ul", { class: "plain" }, ...notes.map((n) =>
		element("li", {}, [new Date(n.at).toLocaleString(), n.outcome, n.destination, n.status, n.detail].filter(Boolean).join("  "))));
}

/** Shows a webhook: a delivery that is kept in memory, or an event of the archive. */
export function showDelivery(d, close) {
	const waiting = element("div");
	byID("delivery").replaceChildren(
		button("← All webhooks", close, { id: "back" }),
		element("div", { class: "head" }, element("h2", {}, d.event || d.outcome), badges(verdicts(d))),
		...actions(d),
		...part("What happened", facts([
			["Outcome", d.outcome + (d.detail ? `: ${d.detail}` : "")], ["The app's answer", answer(d)], ["Taken by", d.route],
			["Event", d.event], ["Id", d.id], ["Provider", d.provider], ["Endpoint", d.endpoint], ["Tenant", d.tenant],
			["Received", new Date(d.received).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" })],
			["Request", `${d.method} ${d.host}${d.uri ?? d.path}`], ["From", d.client_ip], ["Size", `${d.size} bytes`], ["Verified by", d.key],
			["Kept", d.ref ? `in the archive, as ${d.ref}` : ""],
		])),
		waiting,
		...part("Since then", later(d.later)),
		...part("Verification", steps(d.verification)),
		...part("What would have verified", lines(d.near)),
		...part("Events and rules", rules(d.rules)),
		...part("What the app got", rewritten(d)),
		...part("Payload", payload(d.body) ?? (d.omitted ? element("p", { class: "dim" }, `Not kept: ${d.omitted}.`) : null)),
		...part("Headers", facts((d.headers ?? []).map((h) => [h.name, h.value || " "]), { class: "stacked" })),
	);
	byID("delivery").scrollTop = 0;
	attempts(d).then((found) => waiting.replaceChildren(...part("Attempts", found)), () => {});
}

/** Says why there is nothing to show. */
export function showAbsent(text, close) {
	byID("delivery").replaceChildren(button("← All webhooks", close, { id: "back" }), element("p", { class: "hint" }, text));
}

/** Says how to choose one. */
export function showHint() {
	const key = (name) => element("kbd", {}, name);
	byID("delivery").replaceChildren(element("p", { class: "hint" }, "Choose a webhook. ",
		key("↑"), " ", key("↓"), " go through the list, ", key("Enter"), " opens, ", key("Esc"), " closes, ", key("/"), " searches."));
}
