// More vendors that verify with packages of their own, by any scheme.

import { createRequire } from 'node:module';
import { parse } from 'node:querystring';

import { signRequest as signContentful, verifyRequest as verifyContentful } from '@contentful/node-apps-toolkit';
import ImageKit from '@imagekit/nodejs';
import Finch from '@tryfinch/finch-api';
import { Receiver as QStash } from '@upstash/qstash';
import cloudinary from 'cloudinary';
import CloudConvert from 'cloudconvert';
import { OpenNodeClient } from 'opennode';
import { StreamChat } from 'stream-chat';

import { vendor } from '../lib/vendor.js';

// The package's bot uses it, and does not export it.
const ViberValidator = createRequire(import.meta.url)('viber-bot/lib/message/message-validator.js');

const cloudConvert = new CloudConvert('unused');
const finch = new Finch({ clientID: 'unused', clientSecret: 'unused' });
const imagekit = new ImageKit({ privateKey: 'unused', password: 'unused' });
const quiet = { debug() {} };

const base64 = (text) => Buffer.from(text).toString('base64');

/** What Contentful's package signs of a message. */
const canonical = (m) => ({ method: m.method, path: m.uri, headers: m.all(), body: m.text });

export const moreVendors = [
	{
		preset: 'cloudconvert',
		verify: (secret, m) => cloudConvert.webhooks.verify(m.text, m.get('CloudConvert-Signature'), secret),
	},
	{
		preset: 'cloudinary',
		verify(secret, m) {
			cloudinary.v2.config({ api_secret: secret });
			return cloudinary.v2.utils.verifyNotificationSignature(m.text, m.get('X-Cld-Timestamp'), m.get('X-Cld-Signature'));
		},
		sign(secret, m, time) {
			const timestamp = Math.floor(time / 1000);
			m.set('X-Cld-Timestamp', timestamp);
			m.set('X-Cld-Signature', cloudinary.v2.utils.webhook_signature(m.text, timestamp, { api_secret: secret }));
		},
	},
	{
		preset: 'contentful',
		secret: 'a'.repeat(64), // its length is fixed
		older: 'b'.repeat(64),
		other: 'c'.repeat(64),
		verify: (secret, m) => verifyContentful(secret, canonical(m)),
		sign(secret, m, time) {
			const topic = { 'X-Contentful-Topic': m.get('X-Contentful-Topic') };
			const signed = signContentful(secret, { ...canonical(m), headers: topic }, time);
			Object.entries(signed).forEach(([name, value]) => m.set(name, value));
		},
		timed: true,
	},
	{
		preset: 'finch',
		secret: base64('interop secret'),
		older: base64('interop older secret'),
		other: base64('interop other secret'),
		verify: (secret, m) => finch.webhooks.unwrap(m.text, m.all(), secret),
	},
	{
		preset: 'getstream',
		verify: (secret, m) => new StreamChat('unused', secret).verifyWebhook(m.body, m.get('X-Signature')),
	},
	{ preset: 'imagekit', verify: (key, m) => imagekit.webhooks.unwrap(m.text, { headers: m.all(), key }) },
	{
		preset: 'opennode',
		covers: 'part',
		verify: (secret, m) => new OpenNodeClient(secret, 'dev').verifySignature({ ...parse(m.text) }),
	},
	{
		preset: 'upstash-qstash',
		verify: (key, m) => new QStash({ currentSigningKey: key, nextSigningKey: key }).verify({ body: m.text, signature: m.get('Upstash-Signature') }),
	},
	{
		preset: 'viber',
		verify: (token, m) => new ViberValidator(quiet, token).validateMessage(m.get('X-Viber-Content-Signature'), m.text),
	},
].map(vendor);
