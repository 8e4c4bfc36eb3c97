import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';

import { signed } from '../lib/trial.js';

const id = 'msg_2LJDMgkzVL0ZzhdVQOh6OIAUMnd';

/** Both packages sign by the same scheme, with headers of other names. */
function standard(preset, prefix, Webhook, more) {
	const names = { id: `${prefix}-id`, time: `${prefix}-timestamp`, signature: `${prefix}-signature` };
	const sign = (secret, message, time, messageID = id) => {
		message.set(names.id, messageID);
		message.set(names.time, Math.floor(time / 1000));
		message.set(names.signature, new Webhook(secret).sign(messageID, new Date(time), message.body));
	};
	return {
		preset,
		secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
		older: 'b2xkZXIgc2VjcmV0IG9mIHRoZSBlbmRwb2ludA==', // the prefix may be left out
		other: 'whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSBlbmRwb2ludA==',
		headers: [names.signature, names.time, names.id],
		timed: true,
		sign,
		verify: (secret, message) => { new Webhook(secret).verify(message.body, message.all()); },
		samples: [
			{ name: 'user', body: '{"type":"user.created","data":{"id":12345678901234567890,"name":"Zoë Ångström 漢字"}}', event: 'user.created', id },
			{ name: 'with line breaks', body: '{\r\n\t"type": "invoice.paid",\r\n\t"data": {}\r\n}\r\n', event: 'invoice.paid', id },
			{ name: 'no type', body: '{"test":2432232314}', id },
		],
		async trials(provider) {
			const time = Date.now();
			const good = await signed(provider, provider.samples[0], { time });
			const right = good.get(names.signature);
			const older = (await signed(provider, provider.samples[0], { time, secret: provider.older })).get(names.signature);
			const wrong = `v1,${'A'.repeat(43)}=`;
			const set = (name, accept, header, value) => ({ name, good: accept, message: good.with((m) => m.set(header, value)) });
			const unix = Math.floor(time / 1000);
			return [
				set('wrong signature, then the right one', true, names.signature, `${wrong} ${right}`),
				set('signatures of both secrets', true, names.signature, `${older} ${right}`),
				set('other version beside the right one', true, names.signature, `v1a,${'A'.repeat(86)}== ${right} v2,x`),
				set('right signature under another version', false, names.signature, right.replace('v1,', 'v2,')),
				set('right signature without its version', false, names.signature, right.slice(3)),
				set('no padding', false, names.signature, right.slice(0, -1)),
				set('time is no number', false, names.time, 'x'),
				set('time with a plus sign', false, names.time, `+${unix}`),
				set('time with letters behind', false, names.time, `${unix}x`),
				set('time changed', false, names.time, unix - 1),
				set('id changed', false, names.id, 'msg_other'),
				{ name: 'dot in the id', good: false, message: good.with((m) => sign(provider.secret, m, time, 'msg.1')) },
				...(more?.(good) ?? []),
			];
		},
		differ: {
			'two signature lines, the first is right': { accepts: 'package', why: 'Node joins the lines, and the package ignores what stands behind the comma' },
			'two signature lines, the second is right': { accepts: 'package', why: 'Node joins the lines, and the package splits them at the space' },
			[`two lines of ${names.time}`]: { accepts: 'package', why: 'Node joins the lines, and the package reads the number before the comma' },
			'time with a plus sign': { accepts: 'package', why: 'the package parses the time and signs its own spelling; Caddy signs what was sent' },
			'time with letters behind': { accepts: 'package', why: 'as with the plus sign' },
			'dot in the id': { accepts: 'package', why: 'one signature would be good for other ids and times: the dot separates what is signed' },
		},
		malformed: {
			'dot in the id': 'see differ',
		},
	};
}

export const standardWebhooks = standard('standard-webhooks', 'webhook', StandardWebhook);

export const svix = standard('svix', 'svix', SvixWebhook, (good) => {
	const rename = (name, accept, ...parts) => ({
		name,
		good: accept,
		message: good.with((m) => {
			for (const part of parts) {
				m.set(`webhook-${part}`, m.get(`svix-${part}`));
				m.delete(`svix-${part}`);
			}
		}),
	});
	return [
		rename('headers named webhook-*', true, 'id', 'timestamp', 'signature'),
		rename('headers of both kinds, each once', true, 'signature'),
	];
});
