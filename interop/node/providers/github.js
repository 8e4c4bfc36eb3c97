import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';

import { sign, verify } from '@octokit/webhooks-methods';

import { runSample, signed } from '../lib/trial.js';

const examples = createRequire(import.meta.url)('@octokit/webhooks-examples');

const header = 'X-Hub-Signature-256';
const id = '72d3162e-cc78-11e3-81ab-4c9367dc0958';

const event = (name, delivery = id) => [['X-GitHub-Event', name], ['X-GitHub-Delivery', delivery]];

export const github = {
	preset: 'github',
	secret: "It's a Secret to Everybody",
	older: 'mysecret',
	other: "It's a secret to everybody",
	headers: [header],
	async sign(secret, message) {
		message.set(header, await sign(secret, message.body.toString()));
	},
	verify: (secret, message) => verify(secret, message.body.toString(), message.get(header)),
	samples: [
		{ name: 'push', headers: event('push'), body: '{"ref":"refs/heads/main","commits":[{"message":"Größe 漢字 😀"}],"size":1.0}', event: 'push', id },
		{
			name: 'form',
			headers: event('issues'),
			type: 'application/x-www-form-urlencoded',
			body: `payload=${encodeURIComponent('{"action":"opened","issue":{"title":"50% & more"}}')}`,
			event: 'issues',
			id,
		},
		{ name: 'no JSON', headers: event('ping'), body: 'Hello, World!', event: 'ping', id },
	],
	async trials(provider) {
		const good = await signed(provider, provider.samples[0]);
		const right = good.get(header).slice('sha256='.length);
		const set = (name, accept, value) => ({ name, good: accept, message: good.with((m) => m.set(header, value)) });
		return [
			set('signature in capitals', true, `sha256=${right.toUpperCase()}`),
			set('prefix in capitals', false, `SHA256=${right}`),
			set('prefix of another hash', false, `sha1=${right}`),
			set('no prefix', false, right),
			set('two signatures', false, `sha256=${right},sha256=${right}`),
			{
				name: 'signature in the header of the older scheme',
				good: false,
				message: good.with((m) => {
					m.delete(header);
					m.set('X-Hub-Signature', `sha1=${right}`);
				}),
			},
		];
	},
	differ: {
		'signature in capitals': { accepts: 'caddy', why: 'the package compares the text; the bytes are the same' },
	},
};

/** Sends each example as GitHub would, and once more with a changed byte. */
export async function githubExamples(t, { wire }) {
	let sent = 0;
	for (const { name, examples: payloads } of examples) {
		for (const [i, payload] of payloads.entries()) {
			const delivery = randomUUID();
			const sample = { headers: event(name, delivery), body: JSON.stringify(payload), event: name, id: delivery };
			const what = `${name}, example ${i}`;
			await assert.doesNotReject(() => runSample(github, sample, wire), what);
			const spoilt = (await signed(github, sample)).with((m) => { m.body[m.body.length >> 1] ^= 1; });
			assert.equal(await verify(github.secret, spoilt.body.toString(), spoilt.get(header)), false, what);
			(await wire.exchange(spoilt)).requireRefused();
			sent++;
		}
	}
	assert.equal(sent, 329);
	t.diagnostic(`${sent} examples of ${examples.length} events`);
}
