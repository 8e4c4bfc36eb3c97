// Plays Instaleap's part: fetches tokens in each of its formats, and sends
// events with them. An OAuth client does the same.

import assert from 'node:assert/strict';

import { ClientCredentials } from 'simple-oauth2';

import { Message } from '../lib/wire.js';

const id = 'interop client';
const secret = `It's 100% s3c+ret: a=b&c`;

/** Endpoints that issue tokens, and one that takes them. */
export const tokenRoutes = (port) => `
	webhook_token /token interop {
		client "${id}" "${secret}" for instaleap
	}
	webhook_token /renew interop {
		client "${id}" "${secret}" for instaleap
		field user pass
		header X-User X-Pass
		response data.token 201
	}
	handle_webhook /issued instaleap {
		issued interop
		otherwise {
			reverse_proxy 127.0.0.1:${port}
		}
	}
`;

/** Each format, by fetch as Node has it. */
export async function fetchedTokens(t, { wire }) {
	const form = new FormData();
	form.set('user', id);
	form.set('pass', secret);
	const formats = {
		JSON: { body: JSON.stringify({ user: id, pass: secret }), headers: { 'Content-Type': 'application/json' } },
		multipart: { body: form },
		urlencoded: { body: new URLSearchParams({ user: id, pass: secret }) },
		headers: { headers: { 'X-User': id, 'X-Pass': secret } },
	};
	for (const [name, options] of Object.entries(formats)) {
		await t.test(name, async () => {
			const answer = await fetch(`http://127.0.0.1:${wire.port}/renew`, { method: 'POST', ...options });
			const { data, token_type: type, expires_in: seconds } = await answer.json();
			assert.equal(answer.status, 201);
			assert.equal(answer.headers.get('cache-control'), 'no-store');
			assert.deepEqual([type, seconds], ['Bearer', 3600]);
			await requireAccepted(wire, data.token);
			(await send(wire, `${data.token}x`)).requireRefused();
		});
	}
	await t.test('wrong secret', async () => {
		const body = new URLSearchParams({ user: id, pass: 'guessed' });
		const answer = await fetch(`http://127.0.0.1:${wire.port}/renew`, { method: 'POST', body });
		assert.equal(answer.status, 401);
		assert.deepEqual(await answer.json(), { error: 'invalid_client' });
	});
}

/** simple-oauth2, with the credentials in the header and in the body. */
export async function oauthTokens(t, { wire }) {
	const client = (method, format, password = secret) => new ClientCredentials({
		client: { id, secret: password },
		auth: { tokenHost: `http://127.0.0.1:${wire.port}`, tokenPath: '/token' },
		options: { authorizationMethod: method, bodyFormat: format },
	});
	for (const [method, format] of [['header', 'form'], ['body', 'form'], ['header', 'json'], ['body', 'json']]) {
		await t.test(`${format}, credentials in the ${method}`, async () => {
			const { token } = await client(method, format).getToken({ scope: 'events' });
			assert.equal(token.token_type, 'Bearer');
			assert.ok(token.expires_at > new Date(), `the token ends at ${token.expires_at}`);
			await requireAccepted(wire, token.access_token);
		});
	}
	await t.test('wrong secret', async () => {
		await assert.rejects(client('header', 'form', 'guessed').getToken(), (err) => {
			assert.equal(err.output.statusCode, 401);
			assert.deepEqual(err.data.payload, { error: 'invalid_client' });
			return true;
		});
	});
}

const send = (wire, token) => wire.exchange(new Message('POST', '/issued', [
	['Content-Type', 'application/json'], ['Authorization', `Bearer ${token}`],
], Buffer.from('{"id":"1","type":"CREATED"}')));

async function requireAccepted(wire, token) {
	const answer = await send(wire, token);
	assert.ok(answer.passed, `Caddy answered ${answer.status} ${answer.text}`);
	assert.equal(answer.app.length, 1, 'how many requests the app got');
}
