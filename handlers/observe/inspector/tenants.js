// Who of the tenants is first: the noisiest, those refused most, those silent longest.
// It stands on the page if endpoints have tenants.

import { byID, button, element, load, moment } from "./dom.js";

const shown = 20;

/** Asks for the tenants, and shows those that are first. A click on one chooses it. */
export async function showTenants(choose) {
	if (!byID("tenants").hidden && !byID("tenants").open) return; // there are some, and nobody looks
	const list = await load(`/webhooks/tenants-top?${new URLSearchParams({ order: byID("order").value, limit: shown })}`).catch(() => []);
	byID("whose").hidden = byID("tenants").hidden = !list.length && !byID("tenant").value;
	if (!byID("tenants").open) return;
	byID("tenants").querySelector("ol").replaceChildren(...list.map((t) => element("li", {},
		button(t.tenant, () => choose(t.tenant), { "aria-label": `Show the webhooks of ${t.tenant}` }),
		` ${t.verified} verified`, t.refused ? element("span", { class: "bad" }, `, ${t.refused} refused${t.reason ? ` (${t.reason})` : ""}`) : null,
		t.verified ? `, the last ${moment(t.last)}` : "")));
}
