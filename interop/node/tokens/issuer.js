// Runs the OAuth server, and fetches tokens from it as a provider does.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { freePort } from '../lib/caddy.js';

/** Starts the OAuth server on a free port. */
export async function startIssuer() {
	const issuer = new Issuer(await freePort());
	await issuer.start();
	return issuer;
}

class Issuer {
	#process;

	constructor(port) {
		this.url = `http://127.0.0.1:${port}`;
		this.port = port;
	}

	async start() {
		const script = fileURLToPath(new URL('server.js', import.meta.url));
		const child = spawn(process.execPath, [script, String(this.port)], { stdio: ['ignore', 'pipe', 'pipe'] });
		process.on('exit', () => child.kill('SIGKILL'));
		let log = '';
		child.stderr.setEncoding('utf8').on('data', (text) => { log += text; });
		const ready = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => false)]);
		if (!ready) {
			throw new Error(`the OAuth server has ended:\n${log}`);
		}
		this.#process = child;
	}

	/** Ends the process. */
	async stop() {
		const child = this.#process;
		if (child && child.exitCode === null && child.signalCode === null) {
			child.kill('SIGKILL');
			await once(child, 'exit');
		}
	}

	/** What the server says of itself. */
	async metadata() {
		return (await fetch(`${this.url}/.well-known/openid-configuration`)).json();
	}

	/** An access token for a client; without a resource it is opaque. */
	async token(client, resource, scope) {
		const { token_endpoint: endpoint } = await this.metadata();
		const form = new URLSearchParams({ grant_type: 'client_credentials', scope });
		if (resource) {
			form.set('resource', resource);
		}
		const response = await fetch(endpoint, {
			method: 'POST',
			headers: { Authorization: `Basic ${Buffer.from(`${client}:client-secret`).toString('base64')}` },
			body: form,
		});
		const answer = await response.json();
		assert.equal(response.status, 200, JSON.stringify(answer));
		assert.equal(answer.token_type, 'Bearer');
		return answer.access_token;
	}
}
