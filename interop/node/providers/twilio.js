import { parse, stringify } from 'node:querystring';

import Twilio from 'twilio';

import { unsigned } from '../lib/trial.js';

const header = 'X-Twilio-Signature';
const site = 'https://hooks.example.com';
const formType = 'application/x-www-form-urlencoded';

/** The fields of a form, as Express gives them to an app. */
const fields = (message) => (message.get('Content-Type') === formType ? { ...parse(message.body.toString()) } : {});

const sign = (token, url, message) => message.set(header, Twilio.getExpectedTwilioSignature(token, url, fields(message)));

/** A body that Twilio does not sign itself: its hash is part of the URL. */
const json = (name, body, event, id) => ({ name, query: `?x=1&bodySHA256=${Twilio.getExpectedBodyHash(body)}`, body, event, id });

export const twilio = {
	preset: 'twilio',
	secret: '12345',
	older: '1c892n40nd03kdnc0112slzkl3091j20',
	other: '12346',
	options: `public_url ${site}`,
	headers: [header],
	fields: true,
	sign: (token, message) => sign(token, site + message.uri, message),
	verify(token, message) {
		const url = site + message.uri;
		return url.includes('bodySHA256=')
			? Twilio.validateRequestWithBody(token, message.get(header), url, message.body.toString())
			: Twilio.validateRequest(token, message.get(header), url, fields(message));
	},
	samples: [
		{
			name: 'message',
			type: formType,
			body: stringify({
				ToCountry: 'US', MessageSid: 'SM1', SmsStatus: 'received', Body: '50% off! Größe 😀 & more+', To: '+18005551212', FromCity: '', AccountSid: 'AC1',
			}),
			event: 'received',
		},
		{
			name: 'call',
			type: formType,
			query: '?foo=1&bar=a%20b%2Fc+d',
			body: stringify({ Digits: '1234', To: '+18005551212', From: '+14158675309', CallSid: 'CA1', CallStatus: 'completed' }),
			event: 'completed',
		},
		{ name: 'values of one name', type: formType, body: 'MessageStatus=sent&MediaUrl=b&MediaUrl=a&MediaUrl=b', event: 'sent' },
		{ name: 'names that differ in case', type: formType, body: 'a=1&B=2&A=3&b=4&_=5&MessageStatus=sent', event: 'sent' },
		{ name: 'GET', method: 'GET', query: '?CallSid=CA1&From=%2B14158675309' },
		json('event stream', '[{"specversion":"1.0","type":"com.twilio.messaging.message.delivered","id":"EV1","data":{"n":1.10}}]', 'com.twilio.messaging.message.delivered', 'EV1'),
		json('JSON object', '{"a": "ö", "b": [1, 2]}'),
	],
	trials(provider) {
		const [, form, ...rest] = provider.samples;
		const stream = rest.at(-2);
		const as = (name, good, sample, url) => {
			const message = unsigned(provider, sample);
			sign(provider.secret, url(message.uri), message);
			return { name, good, message };
		};
		const edit = (name, good, sample, change) => {
			const { message } = as('', true, sample, (uri) => site + uri);
			return { name, good, message: message.with(change) };
		};
		return [
			as('URL with the standard port', true, form, (uri) => `${site}:443${uri}`),
			as('URL with another port', false, form, (uri) => `${site}:8443${uri}`),
			as('URL of http', false, form, (uri) => `http://hooks.example.com${uri}`),
			as('URL of another host', false, form, (uri) => `https://hooks.example.org${uri}`),
			as('URL without the query', false, form, (uri) => site + uri.split('?')[0]),
			as('query spelled in another way', false, form, (uri) => site + uri.replace('+', '%20')),
			edit('query changed', false, form, (m) => { m.uri += '&x'; }),
			edit('fields in another order', true, form, (m) => { m.body = Buffer.from(m.body.toString().split('&').reverse().join('&')); }),
			edit('field added', false, form, (m) => { m.body = Buffer.from(`${m.body}&x=1`); }),
			edit('field taken away', false, form, (m) => { m.body = Buffer.from(m.body.toString().split('&').slice(1).join('&')); }),
			edit('field sent twice', false, form, (m) => { m.body = Buffer.from(`${m.body}&Digits=9999`); }),
			edit('JSON changed', false, stream, (m) => { m.body[20] ^= 1; }),
			edit('JSON without its hash', false, stream, (m) => { m.uri = '/twilio?x=1'; }),
			as('JSON signed with the hash of another', false, { query: stream.query, body: '[{"type":"x","id":"1"}]' }, (uri) => site + uri),
		];
	},
	differ: {
		'query spelled in another way': { accepts: 'package', why: 'the package also tries a spelling of its own, for which Twilio documents no need; Caddy takes what was sent' },
	},
};
