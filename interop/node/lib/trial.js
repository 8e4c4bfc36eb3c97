// What every provider has to hold.
//
// A provider is an object with these members:
//
//	preset    its name in the Caddyfile, and its path
//	secret    what Caddy is given first
//	older     what Caddy is given too, as while secrets are rotated
//	other     what Caddy is not given
//	options   further lines of the block in the Caddyfile
//	headers   the headers that make up the signature, that with the MAC first
//	timed     the signature states a time
//	sign      signs a message: (secret, message, time), time in ms. By the
//	          package where that can sign, else as the documentation says
//	verify    the package's verdict on a message: (secret, message)
//	samples   requests and what Caddy must find in them: name, method, query,
//	          type, headers, body, event, id
//	trials    requests of this provider only: (provider) => list of
//	          {name, message, good, secret}
//	differ    the trials in which package and Caddy differ, by name: accepts
//	          ('package' or 'caddy') and why
//	malformed the trials that Caddy refuses as malformed, by name, and why
//	fields    what is signed are fields of the body, so a body that cannot be
//	          read is malformed

import assert from 'node:assert/strict';

import { Message } from './wire.js';

/** A sample as a message that is not signed yet. */
export function unsigned(provider, sample) {
	const body = Buffer.from(sample.body ?? '');
	const headers = body.length > 0 || sample.type ? [['Content-Type', sample.type ?? 'application/json']] : [];
	return new Message(sample.method ?? 'POST', `/${provider.preset}${sample.query ?? ''}`, headers.concat(sample.headers ?? []), body);
}

/** A sample as a signed message. */
export async function signed(provider, sample, { secret = provider.secret, time = Date.now() } = {}) {
	const message = unsigned(provider, sample);
	await provider.sign(secret, message, time);
	return message;
}

/** Whether the provider's package accepts a message. */
export async function accepts(provider, message, secret = provider.secret) {
	try {
		return (await provider.verify(secret, message)) !== false;
	} catch {
		return false; // packages refuse by throwing
	}
}

/** Sends all samples and trials of a provider, and the sweep. */
export async function runProvider(t, provider, { wire }) {
	for (const sample of provider.samples) {
		await t.test(`sample ${sample.name}`, () => runSample(provider, sample, wire));
	}
	const trials = [...(await spoilt(provider)), ...(await provider.trials(provider))];
	for (const trial of trials) {
		await t.test(trial.name, () => runTrial(provider, trial, wire));
	}
	await t.test('all exceptions belong to trials', () => {
		const names = new Set(trials.map((trial) => trial.name));
		const exceptions = [...Object.keys(provider.differ ?? {}), ...Object.keys(provider.malformed ?? {})];
		assert.deepEqual(exceptions.filter((name) => !names.has(name)), []);
	});
	await t.test('sweep', (t) => sweep(t, provider, wire));
}

/**
 * Sends a rightly signed request. What arrives behind Caddy must still be good
 * for the package, so that an app can check again.
 */
export async function runSample(provider, sample, wire) {
	const message = await signed(provider, sample);
	assert.ok(await accepts(provider, message), 'the package refuses it');
	const got = (await wire.exchange(message)).requirePassed(message);
	assert.ok(await accepts(provider, got), 'the package refuses what the app got');
	assert.equal(got.get('Webhook-Provider'), provider.preset);
	assert.equal(got.get('Webhook-Event'), sample.event);
	assert.equal(got.get('Webhook-Delivery-Id'), sample.id);
}

/** Compares the verdicts of the package and of Caddy. */
async function runTrial(provider, trial, wire) {
	const difference = provider.differ?.[trial.name];
	const byPackage = difference ? difference.accepts === 'package' : trial.good;
	const byCaddy = difference ? difference.accepts === 'caddy' : trial.good;
	assert.equal(await accepts(provider, trial.message, trial.secret), byPackage, 'whether the package accepts it');
	const answer = await wire.exchange(trial.message);
	if (byCaddy) {
		answer.requirePassed(trial.message);
	} else {
		answer.requireRefused(provider.malformed?.[trial.name] ? 400 : 401);
	}
}

/** The trials that all providers have. */
async function spoilt(provider) {
	const { samples, secret, older, other, headers } = provider;
	const first = samples[0];
	const last = samples.at(-1);
	const good = await signed(provider, first);
	const swapped = (await signed(provider, last)).get(headers[0]);
	const minutes = (n) => signed(provider, first, { time: Date.now() + n * 60_000 });
	const changed = (name, change) => ({ name, message: good.with(change), good: false });
	const mac = (name, change) => changed(name, (m) => m.set(headers[0], change(m.get(headers[0]))));
	const trials = [
		{ name: 'as it was signed', message: good, good: true },
		{ name: 'signed with the older secret', message: await signed(provider, first, { secret: older }), secret: older, good: true },
		{ name: 'signed with another secret', message: await signed(provider, first, { secret: other }), secret, good: false },
		changed('first byte of the body changed', (m) => { m.body[0] ^= 1; }),
		changed('byte amid the body changed', (m) => { m.body[m.body.length >> 1] ^= 1; }),
		changed('last byte of the body changed', (m) => { m.body[m.body.length - 1] ^= 1; }),
		changed('byte added to the body', (m) => { m.body = Buffer.concat([m.body, Buffer.from(' ')]); }),
		changed('byte order mark put before the body', (m) => { m.body = Buffer.concat([Buffer.from('\ufeff'), m.body]); }),
		changed('byte taken off the body', (m) => { m.body = m.body.subarray(0, -1); }),
		changed('no body', (m) => { m.body = Buffer.alloc(0); }),
		changed('body of another request', (m) => { m.body = Buffer.from(last.body); }),
		changed('signature of another request', (m) => m.set(headers[0], swapped)),
		changed('two signature lines, the first is right', (m) => m.add(headers[0], 'x')),
		changed('two signature lines, the second is right', (m) => m.headers.unshift([headers[0], 'x'])),
		mac('empty signature', () => ''),
		mac('signature in quotes', (s) => `"${s}"`),
		// With a zero before it: some readers of hex take half a byte for a whole one.
		mac('signature is cut', (s) => s.replace(/0?.$/, '')),
		mac('signature is cut in half', (s) => s.slice(0, s.length >> 1)),
		mac('signature is longer', (s) => `${s}A`),
		...headers.map((name) => changed(`without ${name}`, (m) => m.delete(name))),
		...headers.slice(1).map((name) => changed(`two lines of ${name}`, (m) => m.add(name, 'x'))),
	];
	if (provider.timed) {
		trials.push(
			{ name: 'signed four minutes ago', message: await minutes(-4), good: true },
			{ name: 'signed an hour ago', message: await minutes(-60), good: false },
			{ name: 'signed an hour ahead', message: await minutes(60), good: false },
			{ name: 'signed in 1970', message: await signed(provider, first, { time: 1000 }), good: false },
		);
	}
	return trials;
}

/**
 * Changes each byte of the signature's headers and of the body. What the
 * package refuses must be refused: nothing that Caddy lets pass may be less
 * than what the provider has signed.
 */
async function sweep(t, provider, wire) {
	const good = await signed(provider, provider.samples[0]);
	let sent = 0;
	let malformed = 0;
	let stricter = 0;
	const attempt = async (what, message) => {
		sent++;
		const byPackage = await accepts(provider, message);
		const answer = await wire.exchange(message);
		if (answer.passed) {
			assert.ok(byPackage, `Caddy lets pass what the package refuses: ${what}`);
		} else if (byPackage) {
			stricter++;
		} else if (answer.status === 400 && provider.fields) {
			malformed++;
		} else {
			answer.requireRefused();
		}
	};
	for (const name of provider.headers) {
		const value = good.get(name);
		for (let i = 0; i < value.length; i++) {
			for (const c of '0f ,;=') {
				if (c !== value[i]) {
					const edited = value.slice(0, i) + c + value.slice(i + 1);
					await attempt(`${name}: ${edited}`, good.with((m) => m.set(name, edited)));
				}
			}
		}
	}
	for (let i = 0; i < good.body.length; i++) {
		await attempt(`byte ${i} of the body`, good.with((m) => { m.body[i] ^= 1; }));
	}
	t.diagnostic(`${provider.preset}: ${sent} changed requests, ${malformed} malformed, ${stricter} refused by Caddy only`);
}
