// Access tokens of a real OAuth server at endpoints with the subdirective jwt.

import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';

import { Message } from '../lib/wire.js';

const resource = 'https://hooks.example.com/oauth';
const body = Buffer.from('{"webhook_type": "task_checked_in",  "note": "geändert 漢字"}\n');

/**
 * Endpoints for the tokens of an issuer: one that most tests use, and one that
 * takes its keys from another address, which nobody asks for before the server
 * is down.
 */
export function issuerRoutes(issuer, app) {
	const endpoint = (path, query) => `
	handle_webhook ${path} bringg {
		jwt {
			jwks_url ${issuer.url}/jwks${query}
			algorithms RS256
			issuer ${issuer.url}
			audience ${resource}
			require "webhooks:send" in split(claims.scope ?? "", " ")
		}
		otherwise {
			reverse_proxy 127.0.0.1:${app.port}
		}
	}
`;
	return endpoint('/oauth', '') + endpoint('/oauth-later', '?later');
}

const webhook = (token, path = '/oauth') => new Message('POST', path, [
	['Content-Type', 'application/json'], ...(token === undefined ? [] : [['Authorization', `Bearer ${token}`]]),
], body);

async function requireReason(wire, message, status, reason) {
	const answer = await wire.exchange(message);
	answer.requireRefused(status);
	assert.equal(answer.text, reason);
}

/** The tokens of the server, and what others could make of them. */
export async function accessTokens(t, { wire }, issuer) {
	const { jwks_uri: keys, issuer: name } = await issuer.metadata();
	assert.equal(keys, `${issuer.url}/jwks`);
	assert.equal(name, issuer.url);
	const good = await issuer.token('provider', resource, 'webhooks:send profile');
	const [header, payload, signature] = good.split('.');
	const claims = JSON.parse(Buffer.from(payload, 'base64url'));
	assert.equal(JSON.parse(Buffer.from(header, 'base64url')).alg, 'RS256');

	await t.test('the right token', async () => {
		const sent = webhook(good);
		(await wire.exchange(sent)).requirePassed(sent);
	});
	await t.test('a further token', async () => {
		const sent = webhook(await issuer.token('provider', resource, 'webhooks:send'));
		(await wire.exchange(sent)).requirePassed(sent);
	});
	await t.test('no token', () => requireReason(wire, webhook(), 401, 'missing_token'));
	const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
	const signed = (head, content, make) => {
		const text = `${encode(head)}.${encode(content)}`;
		return `${text}.${make(Buffer.from(text)).toString('base64url')}`;
	};
	const { kid } = JSON.parse(Buffer.from(header, 'base64url'));
	const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
	const byStranger = (bytes) => sign('sha256', bytes, stranger.privateKey);
	const publicKey = await (await fetch(keys)).text();
	const refused = {
		'for another resource': await issuer.token('provider', 'https://elsewhere.example.com', 'webhooks:send'),
		'of a client without the scope': await issuer.token('stranger', resource, 'profile'),
		opaque: await issuer.token('provider', undefined, 'webhooks:send'),
		'with another audience written in': [header, encode({ ...claims, aud: ['x', resource] }), signature].join('.'),
		'with the end put off': [header, encode({ ...claims, exp: claims.exp + 60 }), signature].join('.'),
		unsigned: `${encode({ alg: 'none', kid })}.${payload}.`,
		'signed by the public key as a secret': signed({ alg: 'HS256', kid }, claims, (bytes) => createHmac('sha256', publicKey).update(bytes).digest()),
		'signed by a stranger': signed({ alg: 'RS256', kid }, claims, byStranger),
		'signed by a stranger, who brings the key along': signed(
			{ alg: 'RS256', kid: 'own', jwk: stranger.publicKey.export({ format: 'jwk' }), jku: 'http://127.0.0.1:1/keys' }, claims, byStranger),
		'without its signature': `${header}.${payload}`,
	};
	for (const [what, token] of Object.entries(refused)) {
		await t.test(`a token ${what}`, () => requireReason(wire, webhook(token), 401, 'bad_token'));
	}

	await t.test('while the server is down', async () => {
		const later = await issuer.token('provider', resource, 'webhooks:send');
		await issuer.stop();
		const sent = webhook(later);
		(await wire.exchange(sent)).requirePassed(sent); // the keys are known
		await requireReason(wire, webhook(later, '/oauth-later'), 503, 'keys_unavailable');
		await requireReason(wire, webhook('opaque', '/oauth-later'), 401, 'bad_token');
	});
}
