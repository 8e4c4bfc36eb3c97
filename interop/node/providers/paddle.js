import { createHmac } from 'node:crypto';

import { Paddle } from '@paddle/paddle-node-sdk';

import { unsigned } from '../lib/trial.js';

const header = 'Paddle-Signature';
const { webhooks } = new Paddle('unused');

/** The package can only verify, so this is Paddle's scheme as documented. */
const mac = (secret, time, body) => createHmac('sha256', secret).update(`${time}:`).update(body).digest('hex');

export const paddle = {
	preset: 'paddle',
	secret: 'pdl_ntfset_01gkdqmb2z2tfqjmbz5w3gfqjx_Xr2lOL5vwFV8LdFvGHi7GCn/xkKbmEUC',
	older: 'pdl_ntfset_01gkdolder_abcdef',
	other: '01gkdqmb2z2tfqjmbz5w3gfqjx_Xr2lOL5vwFV8LdFvGHi7GCn/xkKbmEUC', // the prefix is part of the secret
	headers: [header],
	timed: true,
	sign(secret, message, time) {
		const unix = Math.floor(time / 1000);
		message.set(header, `ts=${unix};h1=${mac(secret, unix, message.body)}`);
	},
	verify: (secret, message) => webhooks.isSignatureValid(message.body.toString(), secret, message.get(header)),
	samples: [
		{
			name: 'transaction',
			body: '{"event_id":"evt_01hv8x2acma2gz7he8kg3s7hna","event_type":"transaction.completed","occurred_at":"2026-01-02T03:04:05.678901Z","data":{"id":"txn_1","details":{"totals":{"total":"1100"}},"name":"Zoë"}}',
			event: 'transaction.completed',
			id: 'evt_01hv8x2acma2gz7he8kg3s7hna',
		},
		{ name: 'with line breaks', body: '{\n  "event_id": "evt_2",\n  "event_type": "subscription.canceled",\n  "data": {}\n}\n', event: 'subscription.canceled', id: 'evt_2' },
	],
	trials(provider) {
		const time = Math.floor(Date.now() / 1000);
		const message = unsigned(provider, provider.samples[0]);
		const right = mac(provider.secret, time, message.body);
		const wrong = '0'.repeat(64);
		const set = (name, good, value) => ({ name, good, message: message.with((m) => m.set(header, value)) });
		return [
			set('two signatures, the first is right', true, `ts=${time};h1=${right};h1=${wrong}`),
			set('two signatures, the second is right', true, `ts=${time};h1=${wrong};h1=${right}`),
			set('signature before the time', true, `h1=${right};ts=${time}`),
			set('other tag beside the right one', true, `ts=${time};h2=${wrong};h1=${right}`),
			set('right signature under another tag', false, `ts=${time};h2=${right}`),
			set('signature in capitals', true, `ts=${time};h1=${right.toUpperCase()}`),
			set('no time', false, `h1=${right}`),
			set('two times', false, `ts=1;ts=${time};h1=${right}`),
			set('time with letters behind', false, `ts=${time}x;h1=${right}`),
			set('time changed', false, `ts=${time - 1};h1=${right}`),
		];
	},
	differ: {
		'signed four minutes ago': { accepts: 'caddy', why: 'the package has a window of five seconds, Caddy one of five minutes' },
		'signed an hour ahead': { accepts: 'package', why: 'the package checks the age only; a time to come would keep a recorded request good for longer' },
		'two signatures, the first is right': { accepts: 'caddy', why: 'Paddle documents several signatures for when a secret is rotated; this package reads the last one only' },
		'signature in capitals': { accepts: 'caddy', why: 'the package compares the text; the bytes are the same' },
		'two times': { accepts: 'package', why: 'the package takes the last of two times; Paddle sends one' },
		'time with letters behind': { accepts: 'package', why: 'the package parses the time and signs its own spelling; Caddy signs what was sent' },
	},
};
