import Stripe from 'stripe';

import { unsigned } from '../lib/trial.js';

const header = 'Stripe-Signature';
const { webhooks } = Stripe;

export const stripe = {
	preset: 'stripe',
	secret: 'whsec_bmV3IHNlY3JldCBvZiBhbiBlbmRwb2ludA==',
	older: 'whsec_olderSecretOfTheEndpoint',
	other: 'bmV3IHNlY3JldCBvZiBhbiBlbmRwb2ludA==', // the prefix is part of the secret
	headers: [header],
	timed: true,
	sign(secret, message, time) {
		message.set(header, webhooks.generateTestHeaderString({
			payload: message.body.toString(), secret, timestamp: Math.floor(time / 1000),
		}));
	},
	verify: (secret, message) => webhooks.signature.verifyHeader(message.body, message.get(header), secret),
	samples: [
		{
			name: 'charge',
			body: '{"id":"evt_1Pq","object":"event","created":1763712000,"type":"charge.succeeded","data":{"object":{"id":"ch_1","amount":1999,"description":"Café Größe 漢字 \\ud83d\\ude00"}},"livemode":false}',
			event: 'charge.succeeded',
			id: 'evt_1Pq',
		},
		{
			name: 'with line breaks',
			body: '{\n  "id": "evt_2",\n  "type": "invoice.paid",\n  "data": {"object": {"total": 9007199254740993, "rate": 1.10}}\n}\r\n',
			event: 'invoice.paid',
			id: 'evt_2',
		},
		{
			name: 'event notification',
			body: '{"id":"evt_test_3","object":"v2.core.event","type":"v1.billing.meter.error_report_triggered","created":"2026-01-02T03:04:05.678Z"}',
			event: 'v1.billing.meter.error_report_triggered',
			id: 'evt_test_3',
		},
	],
	trials(provider) {
		const time = Math.floor(Date.now() / 1000);
		const message = unsigned(provider, provider.samples[0]);
		const signature = (secret, scheme) => webhooks.generateTestHeaderString({
			payload: message.body.toString(), secret, timestamp: time, scheme,
		}).split(',')[1];
		const right = signature(provider.secret);
		const wrong = `v1=${'0'.repeat(64)}`;
		const lines = (name, good, value) => ({ name, good, message: message.with((m) => m.set(header, value)) });
		return [
			lines('wrong signature, then the right one', true, `t=${time},${wrong},${right}`),
			lines('unreadable signature, then the right one', true, `t=${time},v1=bad_signature,${right}`),
			lines('signatures of both secrets', true, `t=${time},${signature(provider.older)},${right}`),
			lines('other scheme beside the right one', true, `t=${time},${right},v0=${'0'.repeat(64)}`),
			lines('right signature under another scheme', false, `t=${time},${signature(provider.secret, 'v0')}`),
			lines('signature before the time', true, `${right},t=${time}`),
			lines('signature in capitals', true, `t=${time},v1=${right.slice(3).toUpperCase()}`),
			lines('no time', false, right),
			lines('time changed', false, `t=${time - 1},${right}`),
			lines('time in two forms', false, `t=1,t=${time},${right}`),
			lines('time with a plus sign', false, `t=+${time},${right}`),
			lines('time with letters behind', false, `t=${time}x,${right}`),
			lines('tag without a value', true, `t=${time},x,${right}`),
		];
	},
	differ: {
		'signed an hour ahead': { accepts: 'package', why: 'the package checks the age only; a time to come would keep a recorded request good for longer' },
		'two signature lines, the first is right': { accepts: 'package', why: 'Node joins the lines, which makes a list of them' },
		'byte order mark put before the body': { accepts: 'package', why: 'the package decodes the body as text, which drops the mark; Caddy takes the bytes' },
		'signature in capitals': { accepts: 'caddy', why: 'the package compares the text; the bytes are the same' },
		'time in two forms': { accepts: 'package', why: 'the package takes the last of two times, others the first; Stripe sends one' },
		'time with a plus sign': { accepts: 'package', why: 'the package parses the time and signs its own spelling; Caddy signs what was sent' },
		'time with letters behind': { accepts: 'package', why: 'as with the plus sign' },
	},
};
