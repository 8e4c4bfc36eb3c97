// The page of the inspector in a real browser: it lists and filters what has
// come, shows one with its decision, and runs nothing of what strangers sent.
//
// INTEROP_CADDY is a Caddy with this module, CHROMIUM the browser (default:
// chromium on the PATH), SCREENSHOT a file for a picture of the page.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { chromium } from 'playwright-core';

const patience = 30_000; // milliseconds; nothing is asserted about how long anything takes
const hostile = '"><script>window.pwned=1</script><img src=x onerror=window.pwned=2>';
const secret = 'test-secret';

let folder, caddy, relay, browser, page, site, admin;
const errors = [];

async function freePort() {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address();
	server.close();
	await once(server, 'close');
	return port;
}

/** Sends a webhook as GitHub does, and returns the status of the answer. */
async function send(event, payload, headers = {}) {
	const body = JSON.stringify(payload);
	const signature = 'sha256=' + createHmac('sha256', secret).update(body).digest('hex');
	const answer = await fetch(`${site}/hook`, {
		method: 'POST',
		body,
		headers: { 'X-GitHub-Event': event, 'X-Hub-Signature-256': signature, 'Content-Type': 'application/json', ...headers },
	});
	return answer.status;
}

before(async () => {
	folder = mkdtempSync(join(tmpdir(), 'inspector'));
	const [sitePort, adminPort] = [await freePort(), await freePort()];
	site = `http://127.0.0.1:${sitePort}`;
	admin = `http://127.0.0.1:${await freePort()}`; // what the browser is shown
	writeFileSync(join(folder, 'Caddyfile'), `{
	admin localhost:${adminPort}
	persist_config off
	storage file_system "${join(folder, 'storage')}"
	webhooks {
		diagnose
		inspect 50 {
			bodies
			redact password
		}
	}
}
http://127.0.0.1:${sitePort} {
	handle_webhook /hook github ${secret} {
		on push when body.n > 1 && event != "other" {
			route {
				webhook_rewrite {
					set n 7
					delete gone
				}
				respond 202
			}
		}
		otherwise {
			respond 204
		}
	}
}
`);
	caddy = spawn(process.env.INTEROP_CADDY ?? 'caddy', ['run', '--config', join(folder, 'Caddyfile')], {
		env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
		stdio: 'ignore',
	});
	relay = spawn(process.env.INTEROP_CADDY ?? 'caddy', [
		'webhooks', 'inspect', '--address', `localhost:${adminPort}`, '--listen', admin.slice('http://'.length),
	], { stdio: 'ignore' });
	for (const deadline = Date.now() + patience; ;) {
		try {
			if ((await fetch(`${admin}/webhooks/providers`, { headers: { 'Sec-Fetch-Site': 'none' } })).ok) break;
		} catch { /* not yet */ }
		assert.ok(Date.now() < deadline && caddy.exitCode === null, 'Caddy does not answer');
		await pause(50);
	}
	browser = await chromium.launch({
		executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
		args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
	});
	page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
	page.setDefaultTimeout(patience);
	page.on('dialog', (dialog) => { errors.push(`dialog ${dialog.message()}`); dialog.dismiss(); });
	page.on('pageerror', (error) => errors.push(String(error)));
	page.on('console', (message) => { if (message.type() === 'error') errors.push(message.text()); });
	page.on('request', (request) => {
		if (!request.url().startsWith(`${admin}/`)) errors.push(`a request to ${request.url()}`);
	});
});

after(async () => {
	await browser?.close();
	for (const child of [caddy, relay]) {
		if (child && child.exitCode === null) {
			child.kill('SIGKILL');
			await once(child, 'exit');
		}
	}
	rmSync(folder, { recursive: true, force: true });
});

const rows = () => page.locator('#deliveries tr');

/** Waits until so many rows are shown. */
async function shown(count) {
	await page.waitForFunction((n) => document.querySelectorAll('#deliveries tr').length === n, count);
}

test('the page lists, filters and explains, and runs nothing that strangers sent', async () => {
	const payload = { n: 2, gone: hostile, text: hostile, [hostile]: 1, password: 'hunter2' };
	assert.equal(await send('push', payload, { 'X-GitHub-Delivery': hostile, 'X-Note': hostile, 'User-Agent': hostile }), 202);
	assert.equal(await send(hostile, { n: 1 }), 204);
	assert.equal(await send('push', payload, { 'X-Hub-Signature-256': `sha256=${'0'.repeat(64)}` }), 401);

	await page.goto(`${admin}/webhooks/`);
	await shown(3);
	assert.match(await page.locator('#providers').innerText(), /github at \/hook 2 taken, 1 refused/);
	assert.ok((await rows().nth(1).innerText()).includes(hostile), 'the name of the event is text');

	// one that was refused
	await rows().nth(0).click();
	const delivery = page.locator('#delivery');
	await delivery.locator('h2', { hasText: 'bad_signature' }).waitFor();
	assert.match(await delivery.innerText(), /\[no\] hmac in header\.X-Hub-Signature-256 over body/);
	assert.match(await delivery.innerText(), /what would have verified\s+nothing that was tried/i);
	if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT.replace('.png', '-refused.png') });

	// one that was accepted and rewritten
	await rows().nth(2).click();
	await delivery.locator('h2', { hasText: 'push' }).waitFor();
	const text = await delivery.innerText();
	for (const part of [hostile, '[yes] hmac in header', 'on 1', '[yes] event push', '[yes] when body.n > 1', 'body.n > 1: true', '[redacted]']) {
		assert.ok(text.includes(part), `${part} is shown in\n${text}`);
	}
	assert.ok(!text.includes('hunter2'), 'a redacted value is shown');
	assert.match(await delivery.locator('pre').first().innerText(), /^- .*"n": 2[\s\S]*\+ .*"n": 7/m);
	if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });

	// filters
	await page.selectOption('#outcome', 'bad_signature');
	await shown(1);
	await page.selectOption('#outcome', '');
	await page.fill('#event', 'pu*');
	await shown(1);
	await page.fill('#event', '');
	await page.selectOption('#provider', 'github');
	await shown(3);

	// what comes while the page is open
	assert.equal(await send('ping', {}), 204);
	await shown(4);

	// nothing of it was taken for more than text
	assert.equal(await page.evaluate(() => window.pwned), undefined);
	assert.equal(await page.locator('img, iframe, object, #delivery script, #deliveries script').count(), 0);
	assert.deepEqual(errors, []);
});

test('the browser would refuse a script, and markup out of text', async () => {
	await page.goto(`${admin}/webhooks/`);
	const refused = await page.evaluate(() => {
		const script = document.createElement('script');
		try {
			script.textContent = 'window.pwned = 3';
			document.body.append(script);
		} catch { /* trusted types */ }
		try {
			document.body.innerHTML = '<p>markup</p>';
			return false;
		} catch {
			return true;
		}
	});
	assert.ok(refused, 'innerHTML is allowed');
	assert.equal(await page.evaluate(() => window.pwned), undefined);
});
