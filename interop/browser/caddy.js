// A Caddy whose inspector is looked at, its pages, and a browser.
//
// INTEROP_CADDY is a Caddy with this module, CHROMIUM the browser (default:
// chromium on the PATH).

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { chromium } from 'playwright-core';

export const patience = 30_000; // milliseconds; nothing is asserted about how long anything takes
export const hostile = '"><script>window.pwned=1</script><img src=x onerror=window.pwned=2>';

const secret = 'test-secret';
const caddyBinary = process.env.INTEROP_CADDY ?? 'caddy';

async function freePort() {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address();
	server.close();
	await once(server, 'close');
	return port;
}

/** Waits until a server answers, if only that it does not like this client. */
async function answers(url, child) {
	for (const deadline = Date.now() + patience; ;) {
		try {
			await fetch(url);
			return;
		} catch { /* not yet */ }
		assert.ok(Date.now() < deadline && child.exitCode === null, `${url} does not answer`);
		await pause(50);
	}
}

const configuration = (folder, site, admin, app) => `{
	admin localhost:${admin}
	persist_config off
	storage file_system "${join(folder, 'storage')}"
	webhooks {
		diagnose
		store "${join(folder, 'deliveries.db')}"
		inspect 1000 {
			bodies
			redact password
		}
	}
}
http://127.0.0.1:${site} {
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
		on broken {
			webhook_proxy 127.0.0.1:${app}
		}
		on gone {
			webhook_proxy 127.0.0.1:1
		}
		on later {
			webhook_deliver orders {
				retry 1h
				reverse_proxy 127.0.0.1:${app}
			}
		}
		otherwise {
			respond 204
		}
	}
	handle_webhook /second github ${secret} {
		name second
		otherwise {
			respond 204
		}
	}
}
http://127.0.0.1:${app} {
	respond 500
}
`;

/** Starts a Caddy, and two pages of its inspector: one that may write, and one that may not. */
export async function start() {
	const folder = mkdtempSync(join(tmpdir(), 'inspector'));
	const [site, admin, app, readPort, writePort] = await Promise.all(Array.from({ length: 5 }, freePort));
	const children = [];
	const run = (...args) => {
		const child = spawn(caddyBinary, args, {
			env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder }, stdio: 'ignore',
		});
		child.unref(); // a test that fails before it can end it is not to wait for it
		children.push(child);
		return child;
	};
	process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')));
	writeFileSync(join(folder, 'Caddyfile'), configuration(folder, site, admin, app));
	await answers(`http://localhost:${admin}/webhooks/providers`, run('run', '--config', join(folder, 'Caddyfile')));
	const inspect = async (port, ...flags) => {
		const child = run('webhooks', 'inspect', '--address', `localhost:${admin}`, '--listen', `127.0.0.1:${port}`, ...flags);
		await answers(`http://127.0.0.1:${port}/webhooks/providers`, child);
		return `http://127.0.0.1:${port}`;
	};
	return {
		reading: await inspect(readPort),
		writing: await inspect(writePort, '--write'),

		/** Sends a webhook as GitHub does, and returns the status of the answer. */
		async send(event, payload, headers = {}, path = '/hook') {
			const body = JSON.stringify(payload);
			const signature = 'sha256=' + createHmac('sha256', secret).update(body).digest('hex');
			const answer = await fetch(`http://127.0.0.1:${site}${path}`, {
				method: 'POST',
				body,
				headers: { 'X-GitHub-Event': event, 'X-Hub-Signature-256': signature, 'Content-Type': 'application/json', ...headers },
			});
			return answer.status;
		},

		async stop() {
			for (const child of children) {
				if (child.exitCode === null) {
					child.kill('SIGKILL');
					await once(child, 'exit');
				}
			}
			rmSync(folder, { recursive: true, force: true });
		},
	};
}

export const launch = () => chromium.launch({
	executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
	args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});

export const sizes = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

/** Opens a page. What it must not do is in errors. */
export async function open(browser, base, options = {}) {
	const context = await browser.newContext({ viewport: sizes.desk, permissions: ['clipboard-read', 'clipboard-write'], ...options });
	const page = await context.newPage();
	const errors = [];
	page.setDefaultTimeout(patience);
	page.on('dialog', (dialog) => { errors.push(`dialog ${dialog.message()}`); dialog.dismiss(); });
	page.on('pageerror', (error) => errors.push(String(error)));
	page.on('console', (message) => { if (message.type() === 'error') errors.push(message.text()); });
	page.on('request', (request) => {
		if (!request.url().startsWith(`${base}/`)) errors.push(`a request to ${request.url()}`);
	});
	return { page, errors, rows: page.locator('#deliveries a'), detail: page.locator('#delivery') };
}

/** Waits until so many rows are shown. */
export const shown = (page, count) =>
	page.waitForFunction((n) => document.querySelectorAll('#deliveries a').length === n, count);
