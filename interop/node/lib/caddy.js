// Builds and runs a Caddy with this module.

import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { sender } from './vendor.js';
import { Message, Wire } from './wire.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

// How long is waited for what never comes. Nothing is asserted about how long
// anything takes.
const patience = 30_000;

/**
 * Starts Caddy in front of the app, with a path for each provider. outgoing has
 * further paths for GitHub, and the lines of the Caddyfile that change what the
 * app gets; more is whatever else stands in the site.
 */
export async function startCaddy(providers, outgoing, more, app) {
	const folder = mkdtempSync(join(tmpdir(), 'interop'));
	try {
		return await start(folder, providers, outgoing, more, app);
	} catch (err) {
		rmSync(folder, { recursive: true });
		throw err;
	}
}

async function start(folder, providers, outgoing, more, app) {
	const binary = process.env.INTEROP_CADDY || buildCaddy(folder);
	const port = await freePort();
	const nonce = randomBytes(16).toString('hex');
	const config = join(folder, 'Caddyfile');
	writeFileSync(config, caddyfile({ folder, port, nonce, providers, outgoing, more, app }));

	const caddy = spawn(binary, ['run', '--config', config], {
		env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	const killCaddy = () => caddy.kill('SIGKILL');
	process.on('exit', killCaddy);
	let log = '';
	for (const stream of [caddy.stdout, caddy.stderr]) {
		stream.setEncoding('utf8').on('data', (text) => { log += text; });
	}
	const ended = once(caddy, 'exit');
	const stop = async () => {
		caddy.kill('SIGINT');
		const timer = setTimeout(killCaddy, patience);
		await ended;
		clearTimeout(timer);
		process.off('exit', killCaddy);
		rmSync(folder, { recursive: true });
	};
	const wire = new Wire(port, app);
	for (const deadline = Date.now() + patience; !(await answers(wire, nonce));) {
		if (caddy.exitCode !== null || caddy.signalCode !== null || Date.now() > deadline) {
			killCaddy();
			await ended;
			throw new Error(`no answer from Caddy:\n${log}`);
		}
		await pause(20);
	}
	return { wire, send: sender(binary, app), stop };
}

function buildCaddy(folder) {
	const binary = join(folder, 'caddy.exe'); // Windows wants the suffix, others do not mind
	const build = spawnSync('go', ['build', '-o', binary, './cmd/caddy'], { cwd: root, encoding: 'utf8' });
	if (build.status !== 0) {
		throw new Error(`building Caddy: ${build.error ?? build.stderr}`);
	}
	return binary;
}

/** Whether the Caddy that was started answers, and nobody else. */
async function answers(wire, nonce) {
	try {
		const answer = await wire.exchange(new Message('GET', '/ready', [], Buffer.alloc(0)));
		return answer.text === nonce;
	} catch {
		return false;
	}
}

/**
 * A port that was free a moment ago. Should something else take it, Caddy says
 * so and ends.
 */
export async function freePort() {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address();
	server.close();
	await once(server, 'close');
	return port;
}

/** Each provider has a path of its own. A refusal is answered with its reason. */
function caddyfile({ folder, port, nonce, providers, outgoing, more, app }) {
	const routes = providers.map((p) => `
	handle_webhook /${p.preset} ${p.preset} "${p.secret}" "${p.older}" {
		${p.options ?? ''}
		otherwise {
			reverse_proxy 127.0.0.1:${app.port}
		}
	}
`);
	const { secret } = providers.find((p) => p.preset === 'github');
	for (const [path, lines] of Object.entries(outgoing)) {
		routes.push(`
	handle_webhook ${path} github "${secret}" {
		otherwise {
			${lines}
			reverse_proxy 127.0.0.1:${app.port}
		}
	}
`);
	}
	return `{
	admin off
	persist_config off
	auto_https off
	grace_period 5s
	storage file_system "${join(folder, 'storage').replaceAll('\\', '/')}"
}

http://:${port} {
	bind 127.0.0.1
	handle /ready {
		respond ${nonce}
	}
${routes.join('')}${more}
	handle_errors {
		respond {http.webhook.error} {err.status_code}
	}
}
`;
}
