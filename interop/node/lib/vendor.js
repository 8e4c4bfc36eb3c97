// Vendors whose own package and Caddy have to agree, in a few lines of data for
// each. `caddy webhooks send` signs, and the package says whether that is right;
// where the package can sign, Caddy must accept what it signs.
//
// A vendor is an object with these members:
//
//	preset      its name in the Caddyfile, and its path
//	secret      what Caddy is given first; older and other as in trial.js. There
//	            are defaults for vendors whose secret may be any text
//	privateKeys the private keys, by what Caddy is given, where that is public
//	options     further lines of the block in the Caddyfile, or a function that
//	            makes them of the app's address
//	send        further arguments of `caddy webhooks send`
//	edit        changes the sample's payload before it is signed
//	covers      'part' where a change of the body can go unnoticed
//	unsigned    the headers that the package wants to be there, but that no
//	            signature covers
//	verify      the package's verdict on a message: (secret, message)
//	sign        the package signs a message: (secret, message, time in ms); or
//	            the vendor's documentation does, where only such a message has
//	            what the package wants
//	signs       'package' where send leaves something out that the package wants,
//	            so that sign makes all messages
//	timed       the package refuses a time that is an hour ago
//	differ      the trials in which package and Caddy differ, by name: accepts
//	            ('package' or 'caddy') and why

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { accepts } from './trial.js';

const run = promisify(execFile);

const defaults = {
	secret: 'interop-secret-0123456789abcdef0123456789',
	older: 'interop-older-0123456789abcdef01234567890',
	other: 'interop-other-0123456789abcdef01234567890',
	send: [],
	edit: inOtherLetters,
	covers: 'body',
	signs: 'send',
	unsigned: [],
	differ: {},
};

/** Gives a vendor what it does not say itself. */
export const vendor = (data) => ({ ...defaults, ...data });

/** Puts letters beyond ASCII and a number with a zero at its end into an object. */
function inOtherLetters(body) {
	return body.replace(/^\{/, '{"interop": {"text": "Größe 漢字 😀 \\u00e9 \\/", "number": 1.10}, ');
}

// Headers that are no part of any vendor's scheme.
const ordinary = ['content-type', 'host'];

const bodyChanges = {
	'first byte changed': (m) => { m.body[0] ^= 1; },
	'byte amid the body changed': (m) => { m.body[m.body.length >> 1] ^= 1; },
	'last byte changed': (m) => { m.body[m.body.length - 1] ^= 1; },
	'byte added': (m) => { m.body = Buffer.concat([m.body, Buffer.from(' ')]); },
	'byte taken off': (m) => { m.body = m.body.subarray(0, -1); },
	'no body': (m) => { m.body = Buffer.alloc(0); },
};

const headerChanges = {
	'is absent': (m, name) => m.delete(name),
	'is empty': (m, name) => m.set(name, ''),
	'is cut': (m, name) => m.set(name, m.get(name).slice(0, -1)),
	'has another first letter': (m, name) => m.set(name, (m.get(name)[0] === 'x' ? 'y' : 'x') + m.get(name).slice(1)),
	'has another last letter': (m, name) => m.set(name, m.get(name).slice(0, -1) + (m.get(name).at(-1) === '1' ? '2' : '1')),
};

/** Runs a vendor's trials against a Caddy that has its preset at /<preset>. */
export async function runVendor(t, vendor, { wire, send }) {
	const signed = (secret, ...more) => signedMessage(vendor, secret, send, more);
	const sent = await signed(vendor.secret);
	await t.test('as it was signed', () => requirePassed(vendor, vendor.secret, sent, wire));
	await t.test('signed with the older secret', async () => requirePassed(vendor, vendor.older, await signed(vendor.older), wire));
	await t.test('signed with another secret', async () => requireRefused(vendor, await signed(vendor.other), wire));
	if (vendor.signs === 'send') {
		await t.test('spoilt by send', async () => requireSpoilt(vendor, 'spoilt by send', await signed(vendor.secret, '--tamper'), wire));
	}
	if (vendor.sign) {
		await t.test('what the package signs', () => signedByPackage(vendor, sent, wire));
	}
	await t.test('body', () => spoiltBody(vendor, sent, wire));
	await t.test('headers', () => spoiltHeaders(vendor, sent, wire));
}

/** The vendor's sample, edited, and signed by send or by the package. */
async function signedMessage(vendor, secret, send, more) {
	const key = vendor.privateKeys?.[secret] ?? secret;
	const args = [vendor.preset, '--secret', key, ...vendor.send, ...more];
	const sample = await send(args);
	sample.body = Buffer.from(vendor.edit(sample.text));
	if (vendor.signs === 'package') {
		await vendor.sign(secret, sample, Date.now());
		return sample;
	}
	return send(args, sample);
}

/**
 * Makes the function that has the Caddy at binary sign and send a webhook, a
 * sample or a given one, to the app, and that returns what the app got.
 */
export function sender(binary, app) {
	return async (args, message) => {
		const folder = mkdtempSync(join(tmpdir(), 'interop'));
		try {
			const payload = [];
			if (message) {
				payload.push('--payload', join(folder, 'payload.http'));
				writeFileSync(payload[1], message.http());
			}
			await run(binary, ['webhooks', 'send', ...args, '--to', `http://127.0.0.1:${app.port}/${args[0]}`, ...payload]);
			const [got, ...more] = app.take();
			assert.deepEqual(more, [], 'more than one request was sent');
			return got.with((m) => ['Content-Length', 'Accept-Encoding', 'User-Agent'].forEach((name) => m.delete(name)));
		} finally {
			rmSync(folder, { recursive: true });
		}
	};
}

/** Package and Caddy accept a message, and the package what the app got. */
async function requirePassed(vendor, secret, message, wire) {
	assert.ok(await accepts(vendor, message, secret), 'the package refuses it');
	const got = (await wire.exchange(message)).requirePassed(message);
	assert.ok(await accepts(vendor, got, secret), 'the package refuses what the app got');
}

/** Package and Caddy refuse a message. */
async function requireRefused(vendor, message, wire) {
	assert.ok(!(await accepts(vendor, message)), 'the package accepts it');
	requireNothing(await wire.exchange(message));
}

/** As requireRefused, save for what is listed in differ. */
async function requireSpoilt(vendor, name, message, wire) {
	const by = vendor.differ[name]?.accepts;
	assert.equal(await accepts(vendor, message), by === 'package', `whether the package accepts it: ${name}`);
	const answer = await wire.exchange(message);
	if (by === 'caddy') {
		answer.requirePassed(message);
	} else {
		requireNothing(answer);
	}
}

/** Whatever the status says about why, the app must not get what is refused. */
function requireNothing(answer) {
	assert.ok([400, 401].includes(answer.status), `Caddy answered ${answer.status} ${answer.text}`);
	assert.deepEqual(answer.app, []);
}

async function signedByPackage(vendor, sent, wire) {
	const signed = async (secret, time) => {
		const message = sent.with(() => {});
		await vendor.sign(secret, message, time);
		return message;
	};
	await requirePassed(vendor, vendor.secret, await signed(vendor.secret, Date.now()), wire);
	await requireRefused(vendor, await signed(vendor.other, Date.now()), wire);
	if (vendor.timed) {
		await requireRefused(vendor, await signed(vendor.secret, Date.now() - 3_600_000), wire);
	}
}

async function spoiltBody(vendor, sent, wire) {
	let noticed = 0;
	for (const [name, change] of Object.entries(bodyChanges)) {
		const message = sent.with(change);
		if (vendor.covers === 'part' && (await accepts(vendor, message))) {
			continue;
		}
		await requireSpoilt(vendor, name, message, wire);
		noticed++;
	}
	const all = Object.keys(bodyChanges).length;
	assert.ok(vendor.covers === 'body' ? noticed === all : noticed < all, `covers says ${vendor.covers}, but ${noticed} changes of ${all} are noticed`);
}

/** Nothing that the package refuses may pass. */
async function spoiltHeaders(vendor, sent, wire) {
	const unsigned = new Set([...ordinary, ...vendor.unsigned]);
	for (const [name] of sent.headers.filter(([name]) => !unsigned.has(name.toLowerCase()))) {
		for (const [what, change] of Object.entries(headerChanges)) {
			const message = sent.with((m) => change(m, name));
			if (!(await accepts(vendor, message))) {
				await requireSpoilt(vendor, `${name} ${what}`, message, wire);
			}
		}
	}
}
