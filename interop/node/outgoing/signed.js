// What webhook_sign makes of webhooks of GitHub.

import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';

import { Webhook } from 'standardwebhooks';
import nacl from 'tweetnacl';

import { unsigned } from '../lib/trial.js';
import { github } from '../providers/github.js';

const base64 = (bytes) => Buffer.from(bytes).toString('base64');

const secrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_b2xkZXIgc2VjcmV0IG9mIHRoZSBlbmRwb2ludA=='];
const otherSecret = 'whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSBlbmRwb2ludA==';
const [pair, otherPair] = [7, 8].map((n) => nacl.sign.keyPair.fromSeed(new Uint8Array(32).fill(n)));

const sign = `webhook_sign {
	secret ${secrets.join(' ')} whsk_${base64(pair.secretKey)}
}`;

/** The lines of the Caddyfile in front of the app, by path. */
export const signedRoutes = {
	'/signed/plain': sign,
	'/signed/rewritten': `webhook_rewrite {\nset note \`"geändert 漢字"\`\n}\n${sign}`,
	'/signed/cloudevents': `webhook_rewrite {\nas cloudevents\n}\n${sign}`,
};

const samples = [
	...github.samples.slice(0, 2),
	{ ...github.samples[0], name: 'dot in the id', headers: [['X-GitHub-Event', 'push'], ['X-GitHub-Delivery', 'a.1763712000']] },
];

const names = { id: 'webhook-id', time: 'webhook-timestamp', signature: 'webhook-signature' };

/** Each key must verify what the app got, and nothing that is changed. */
export async function signedWebhooks(t, { wire }) {
	for (const path of Object.keys(signedRoutes)) {
		for (const sample of samples) {
			await t.test(`${path} ${sample.name}`, () => runSigned(path, sample, wire));
		}
	}
}

async function runSigned(path, sample, wire) {
	const message = unsigned(github, sample);
	message.uri = path;
	Object.values(names).forEach((name) => message.set(name, 'forged'));
	await github.sign(github.secret, message);
	const answer = await wire.exchange(message);
	assert.ok(answer.passed, `Caddy answered ${answer.status} ${answer.text}`);
	assert.equal(answer.app.length, 1, 'how many requests the app got');
	const [got] = answer.app;
	assert.equal(got.get(names.signature).split(' ').length, secrets.length + 1);
	requireVerdicts('as the app got it', got, true);
	const changes = {
		'first byte of the body changed': (m) => { m.body[0] ^= 1; },
		'last byte of the body changed': (m) => { m.body[m.body.length - 1] ^= 1; },
		'byte added to the body': (m) => { m.body = Buffer.concat([m.body, Buffer.from(' ')]); },
		'no body': (m) => { m.body = Buffer.alloc(0); },
		'id changed': (m) => m.set(names.id, 'msg_other'),
		'time changed': (m) => m.set(names.time, m.get(names.time) - 1),
	};
	for (const [what, change] of Object.entries(changes)) {
		requireVerdicts(what, got.with(change), false);
	}
}

/** Asks for the verdict of each key that Caddy has, and of those it has not. */
function requireVerdicts(what, message, good) {
	for (const secret of secrets) {
		assert.equal(verifies(secret, message), good, `${what}: ${secret}`);
	}
	assert.equal(verifies(otherSecret, message), false, what);
	assert.equal(verifiesV1a(pair.publicKey, message), good, `${what}: Ed25519`);
	assert.equal(verifiesV1a(otherPair.publicKey, message), false, what);
}

function verifies(secret, message) {
	try {
		new Webhook(secret).verify(message.body, message.all(), { jsonParse: false });
		return true;
	} catch {
		return false;
	}
}

/**
 * Verifies the signatures by Ed25519 as the specification says: the package
 * knows only symmetric ones.
 */
function verifiesV1a(publicKey, message) {
	const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') }, format: 'jwk' });
	const content = Buffer.concat([Buffer.from(`${message.get(names.id)}.${message.get(names.time)}.`), message.body]);
	return message.get(names.signature).split(' ').some((entry) => {
		const [version, signature] = entry.split(',');
		return version === 'v1a' && verify(null, content, key, Buffer.from(signature, 'base64'));
	});
}
