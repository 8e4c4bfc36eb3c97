import { createHmac } from 'node:crypto';

import { WebhooksHelper } from 'square';

import { signed } from '../lib/trial.js';

const header = 'x-square-hmacsha256-signature';
const site = 'https://hooks.example.com';

/** The package can only verify, so this is Square's scheme as documented. */
const mac = (secret, url, body) => createHmac('sha256', secret).update(url).update(body).digest('base64');

export const square = {
	preset: 'square',
	secret: 'asdf1234',
	older: 'HdJIBWgjFSzPVZpPdnP7EQ',
	other: 'asdf1235',
	options: `public_url ${site}`,
	headers: [header],
	sign: (secret, message) => message.set(header, mac(secret, site + message.uri, message.body)),
	verify: (secret, message) => WebhooksHelper.verifySignature({
		requestBody: message.body.toString(),
		signatureHeader: message.get(header),
		signatureKey: secret,
		notificationUrl: site + message.uri,
	}),
	samples: [
		{
			name: 'customer',
			body: '{"merchant_id":"MLEFBHHSJGVHD","type":"customer.created","event_id":"1e8e2a6c","created_at":"2026-01-02T03:04:05.678Z","data":{"type":"customer","object":{"customer":{"given_name":"Zoë 漢字"}}}}',
			event: 'customer.created',
			id: '1e8e2a6c',
		},
		{
			name: 'with a query',
			query: '?shop=a%20b&x=1',
			body: '{"type":"payment.updated","event_id":"2","data":{"object":{"payment":{"amount_money":{"amount":100}}}}}\n',
			event: 'payment.updated',
			id: '2',
		},
	],
	async trials(provider) {
		const good = await signed(provider, provider.samples[1]);
		const as = (name, url) => ({ name, good: false, message: good.with((m) => m.set(header, mac(provider.secret, url, m.body))) });
		return [
			{ name: 'query changed', good: false, message: good.with((m) => { m.uri += '1'; }) },
			{
				name: 'letter moved from the URL to the body',
				good: false,
				message: good.with((m) => {
					m.body = Buffer.concat([Buffer.from(m.uri.slice(-1)), m.body]);
					m.uri = m.uri.slice(0, -1);
				}),
			},
			{
				name: 'letter moved from the body to the URL',
				good: false,
				message: good.with((m) => {
					m.uri += m.body.subarray(0, 1);
					m.body = m.body.subarray(1);
				}),
			},
			as('URL of another host', `https://hooks.example.org${good.uri}`),
			as('URL with the standard port', `${site}:443${good.uri}`),
			as('URL of http', `http://hooks.example.com${good.uri}`),
			as('no URL', ''),
		];
	},
	differ: {
		'letter moved from the URL to the body': { accepts: 'package', why: 'nothing stands between URL and body in what Square signs; Caddy wants the body to be JSON' },
		'letter moved from the body to the URL': { accepts: 'package', why: 'as from the URL to the body' },
	},
	malformed: {
		'letter moved from the URL to the body': 'see differ',
		'letter moved from the body to the URL': 'see differ',
	},
};
