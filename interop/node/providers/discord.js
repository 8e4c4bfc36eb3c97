import assert from 'node:assert/strict';

import { verifyKey } from 'discord-interactions';
import nacl from 'tweetnacl';

import { signed } from '../lib/trial.js';

const signature = 'X-Signature-Ed25519';
const timestamp = 'X-Signature-Timestamp';

const hex = (bytes) => Buffer.from(bytes).toString('hex');

/** Private keys by public keys in hex: the latter are what an app is given. */
const privateKeys = new Map([1, 2, 3].map((n) => {
	const { publicKey, secretKey } = nacl.sign.keyPair.fromSeed(new Uint8Array(32).fill(n));
	return [hex(publicKey), secretKey];
}));
const [secret, older, other] = privateKeys.keys();

function sign(publicKey, message, time) {
	message.set(timestamp, time);
	const text = Buffer.concat([Buffer.from(String(time)), message.body]);
	message.set(signature, hex(nacl.sign.detached(text, privateKeys.get(publicKey))));
}

export const discord = {
	preset: 'discord',
	secret,
	older,
	other,
	options: 'tolerance 5m',
	headers: [signature, timestamp],
	timed: true,
	sign: (publicKey, message, time) => sign(publicKey, message, Math.floor(time / 1000)),
	verify: (publicKey, message) => verifyKey(message.body, message.get(signature) ?? '', message.get(timestamp) ?? '', publicKey),
	samples: [
		{
			name: 'command',
			body: '{"type":2,"token":"A_UNIQUE_TOKEN","id":"786008729715212338","data":{"name":"cardsearch","options":[{"name":"cardname","value":"The Gitrog Monster 漢字 😀"}]},"application_id":"1"}',
			event: 'APPLICATION_COMMAND',
			id: '786008729715212338',
		},
		{ name: 'modal', body: '{"type":5,"id":"2","data":{"custom_id":"x"}}', event: 'MODAL_SUBMIT', id: '2' },
		{
			name: 'webhook event',
			body: '{"version":1,"application_id":"1234560123453231555","type":1,"event":{"type":"APPLICATION_AUTHORIZED","timestamp":"2026-01-02T03:04:05.678901","data":{"integration_type":1}}}',
			event: 'APPLICATION_AUTHORIZED',
		},
	],
	async trials(provider) {
		const good = await signed(provider, provider.samples[0]);
		const right = good.get(signature);
		const set = (name, accept, header, value) => ({ name, good: accept, message: good.with((m) => m.set(header, value)) });
		const time = Math.floor(Date.now() / 1000);
		return [
			set('signature in capitals', true, signature, right.toUpperCase()),
			set('signature in base64', false, signature, Buffer.from(right, 'hex').toString('base64')),
			set('signature of zeros', false, signature, '0'.repeat(128)),
			set('time changed', false, timestamp, time - 1),
			{
				name: 'digit moved from the body to the time',
				good: false,
				message: good.with((m) => {
					m.set(timestamp, good.get(timestamp) + good.body.toString()[0]);
					m.body = good.body.subarray(1);
				}),
			},
		];
	},
	differ: {
		'signed an hour ago': { accepts: 'package', why: 'the package has no window; here Caddy is given one' },
		'signed an hour ahead': { accepts: 'package', why: 'as an hour ago' },
		'signed in 1970': { accepts: 'package', why: 'as an hour ago' },
		'digit moved from the body to the time': { accepts: 'package', why: 'nothing stands between time and body; Caddy reads the time' },
	},
};

/** Discord's tests of a URL are answered by Caddy, once the signature is right. */
export async function discordPings({ wire }) {
	for (const [body, status, text] of [['{"type":1,"id":"1"}', 200, { type: 1 }], ['{"version":1,"type":0}', 204, null]]) {
		const message = await signed(discord, { body });
		assert.equal(await discord.verify(secret, message), true);
		const answer = await wire.exchange(message);
		assert.equal(answer.status, status);
		assert.deepEqual(answer.text && JSON.parse(answer.text), text ?? '');
		assert.deepEqual(answer.app, []);
		(await wire.exchange(await signed(discord, { body }, { secret: other }))).requireRefused();
	}
}
