// Requests as they go over the wire, to Caddy and from it to the app.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';

/** The status of the app's answers, which is none that Caddy gives by itself. */
const answered = 202;

/**
 * A request: the method, the URI (path and query), the headers as a list of
 * [name, value], and the body's bytes.
 */
export class Message {
	constructor(method, uri, headers, body) {
		Object.assign(this, { method, uri, headers, body });
	}

	/** A copy that change() has changed. */
	with(change) {
		const copy = new Message(this.method, this.uri, this.headers.map((pair) => [...pair]), Buffer.from(this.body));
		change(copy);
		return copy;
	}

	/**
	 * The value of a header as Node shows it: lines of the same name are joined,
	 * and spaces around values are no part of them.
	 */
	get(name) {
		const values = this.headers.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, v]) => v.trim());
		return values.length > 0 ? values.join(', ') : undefined;
	}

	/** The body as text. */
	get text() {
		return this.body.toString();
	}

	/** The URL as the sender wrote it; Host must be one of the headers. */
	get url() {
		return `http://${this.get('Host')}${this.uri}`;
	}

	/** The bytes that go over the wire. */
	http() {
		const headers = this.headers.map(([name, value]) => `${name}: ${value}\r\n`);
		return Buffer.concat([
			Buffer.from(`${this.method} ${this.uri} HTTP/1.1\r\n${headers.join('')}Content-Length: ${this.body.length}\r\n\r\n`),
			this.body,
		]);
	}

	/** The message as fetch and its kind have requests. */
	request() {
		return new Request(this.url, { method: this.method, headers: this.all(), body: this.body });
	}

	/** All headers as Node shows them. */
	all() {
		return Object.fromEntries(this.headers.map(([name]) => [name.toLowerCase(), this.get(name)]));
	}

	set(name, value) {
		this.delete(name);
		this.add(name, value);
	}

	add(name, value) {
		this.headers.push([name, String(value)]);
	}

	delete(name) {
		this.headers = this.headers.filter(([n]) => n.toLowerCase() !== name.toLowerCase());
	}
}

/** Starts the app behind Caddy, which records what it gets. */
export async function startApp() {
	let got = [];
	const server = http.createServer(async (request, response) => {
		const chunks = [];
		for await (const chunk of request) {
			chunks.push(chunk);
		}
		const headers = [];
		for (let i = 0; i < request.rawHeaders.length; i += 2) {
			headers.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
		}
		got.push(new Message(request.method, request.url, headers, Buffer.concat(chunks)));
		response.writeHead(answered).end();
	});
	// Else a test that computes for long would make Caddy send on a connection
	// that is about to close.
	server.keepAliveTimeout = 0;
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return {
		port: server.address().port,
		/** What has arrived since the last call. */
		take() {
			const taken = got;
			got = [];
			return taken;
		},
		close() {
			server.close();
			server.closeAllConnections();
		},
	};
}

/** The way to Caddy. Messages are sent one after the other. */
export class Wire {
	#agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

	constructor(port, app) {
		this.port = port;
		this.app = app;
	}

	/** Sends a message; what the app gets meanwhile is part of the answer. */
	async exchange(message) {
		const host = message.get('Host') ?? `127.0.0.1:${this.port}`;
		const request = http.request({
			host: '127.0.0.1',
			port: this.port,
			agent: this.#agent,
			method: message.method,
			path: message.uri,
			headers: [
				...message.headers.filter(([name]) => name.toLowerCase() !== 'host'),
				['Host', host],
				['Content-Length', String(message.body.length)],
			].flat(),
		});
		request.end(message.body);
		const [response] = await once(request, 'response');
		const chunks = [];
		for await (const chunk of response) {
			chunks.push(chunk);
		}
		return new Answer(response.statusCode, Buffer.concat(chunks).toString(), this.app.take());
	}
}

/** What Caddy answers, and what the app got meanwhile. */
class Answer {
	constructor(status, text, app) {
		Object.assign(this, { status, text, app });
	}

	get passed() {
		return this.status === answered;
	}

	/** Checks that this is a refusal and that the app got nothing. */
	requireRefused(status = 401) {
		assert.equal(this.status, status, `Caddy answered ${this.status} ${this.text}`);
		assert.deepEqual(this.app, []);
	}

	/** Checks that the app got a message as it was sent; returns what it got. */
	requirePassed(sent) {
		assert.equal(this.status, answered, `Caddy answered ${this.status} ${this.text}`);
		assert.equal(this.app.length, 1, 'how many requests the app got');
		const [got] = this.app;
		assert.equal(got.method, sent.method);
		assert.equal(got.uri, sent.uri);
		assert.ok(got.body.equals(sent.body), `the app got the body ${got.body}`);
		for (const [name] of sent.headers) {
			assert.equal(got.get(name), sent.get(name), name);
		}
		return got;
	}
}
