// What is shown here was written by strangers. It only ever becomes text:
// elements are made one by one, and nothing is parsed as HTML. The page's
// content policy has the browser refuse anything else.

export const byID = (id) => document.getElementById(id);

/** Makes an element with attributes, and text or other elements in it. */
export function element(name, attributes = {}, ...children) {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		if (value !== null && value !== undefined) made.setAttribute(key, value);
	}
	made.append(...children.filter((child) => child !== null && child !== undefined));
	return made;
}

/** Makes a button that does something. */
export function button(text, act, attributes = {}) {
	const made = element("button", { type: "button", ...attributes }, text);
	made.addEventListener("click", () => act(made));
	return made;
}

/** Asks the server for JSON. What it refuses is an error with its words. */
export async function load(path, options = {}) {
	const answer = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
	if (!answer.ok) throw new Error((await answer.text()).trim() || `${path}: ${answer.status}`);
	return answer.json();
}

export const handedOn = new Set(["accepted", "unreadable", "observed", "resent"]);
const fine = new Set(["accepted", "resent", "delivered"]);
const doubtful = new Set(["unreadable", "observed"]);
const quiet = new Set(["handshake", "duplicate"]);

/** Says what became of a webhook: what was decided here, and what the app made of it. */
export function verdicts(d) {
	const found = [{ text: d.outcome, tone: fine.has(d.outcome) ? "good" : quiet.has(d.outcome) ? "dim" : doubtful.has(d.outcome) ? "warn" : "bad" }];
	if (handedOn.has(d.outcome)) found.push(answerOf(d));
	for (const note of d.later ?? []) found.push({ text: note.outcome, tone: note.outcome === "dead" ? "bad" : "good" });
	return found;
}

function answerOf(d) {
	if (d.deliver) return { text: `deliver ${d.status ?? "?"}`, tone: d.status < 300 ? "dim" : "bad" }; // what waits says more
	const status = d.app ?? (d.ref ? d.status : 0); // the archive has one status
	if (!status) return { text: "app: no answer", tone: "bad" };
	return { text: `app ${status}`, tone: status < 400 ? "good" : "bad" };
}

const marks = { good: "✓", warn: "!", bad: "✗", dim: "·" };

/** Shows verdicts, which do not only differ by their colors. */
export function badges(list) {
	return element("span", { class: "badges" }, ...list.map((v) => element("span", { class: `badge ${v.tone}` }, `${marks[v.tone]} ${v.text}`)));
}

/** Writes a moment as the browser's user does, with the date unless it is today. */
export function moment(text) {
	const at = new Date(text);
	const today = at.toDateString() === new Date().toDateString();
	return today ? at.toLocaleTimeString() : at.toLocaleString();
}

export const milliseconds = (nanoseconds) => `${(nanoseconds / 1e6).toFixed(1)} ms`;

/** Shows names with values, those that are there. */
export function facts(pairs, attributes = {}) {
	const present = pairs.filter(([, value]) => value);
	if (!present.length) return null;
	return element("dl", attributes, ...present.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]));
}
