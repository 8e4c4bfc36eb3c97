// The page of the inspector in a real browser: what it shows of what has come, how
// it is used, and that it runs nothing of what strangers sent.
//
// SCREENSHOTS is a folder for pictures of the page.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { hostile, launch, open, patience, shown, sizes, start } from './caddy.js';
import { tooFaint, tooSmall } from './looks.js';

let caddy, browser;

before(async () => {
	[caddy, browser] = await Promise.all([start(), launch()]);
});

after(async () => {
	await browser?.close();
	await caddy?.stop();
});

async function picture(page, name) {
	if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`) });
}

/** Holds the page to what people need, in each size and both schemes. */
async function looksRight(page, name) {
	for (const [size, viewport] of Object.entries(sizes)) {
		for (const colorScheme of ['light', 'dark']) {
			await page.setViewportSize(viewport);
			await page.emulateMedia({ colorScheme });
			await picture(page, `${name}-${size}-${colorScheme}`);
			assert.deepEqual(await page.evaluate(tooFaint), [], `contrast of ${name}, ${size}, ${colorScheme}`);
			assert.deepEqual(await page.evaluate(tooSmall), [], `targets of ${name}, ${size}, ${colorScheme}`);
			assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} is wider than a ${size}`);
		}
	}
	await page.setViewportSize(sizes.desk);
	await page.emulateMedia({ colorScheme: null });
}

test('while nothing has come it says how to send something', async () => {
	const { page, errors } = await open(browser, caddy.reading);
	await page.goto(`${caddy.reading}/webhooks/`);
	await page.getByText('Nothing has come yet.').waitFor();
	assert.match(await page.locator('#empty').innerText(), /caddy webhooks send github --to http:\/\/localhost:8080\/hook --secret/);
	await looksRight(page, 'empty');
	assert.deepEqual(errors, []);
	await page.context().close();
});

test('it lists, finds and explains, and runs nothing that strangers sent', async () => {
	const { page, errors, rows, detail } = await open(browser, caddy.reading);
	const payload = { n: 2, gone: hostile, text: hostile, [hostile]: 1, password: 'hunter2' };
	assert.equal(await caddy.send('push', payload, { 'X-GitHub-Delivery': hostile, 'X-Note': hostile, 'User-Agent': hostile }), 202);
	assert.equal(await caddy.send(hostile, { n: 1, order: 'A-1042' }), 204);
	assert.equal(await caddy.send('push', payload, { 'X-Hub-Signature-256': `sha256=${'0'.repeat(64)}` }), 401);
	assert.equal(await caddy.send('broken', {}), 500);
	assert.equal(await caddy.send('gone', {}), 502);

	await page.goto(`${caddy.reading}/webhooks/`);
	await shown(page, 5);
	assert.equal(await page.locator('#state').innerText(), '5 webhooks');
	assert.match(await page.locator('#endpoints').innerText(), /2 endpoints: 4 verified, 1 refused, 2 failed at the app/);
	assert.ok((await rows.nth(3).innerText()).includes(hostile), 'the name of the event is text');

	// what was decided and what the app made of it are told apart
	assert.match(await rows.nth(0).innerText(), /✓ accepted\s*✗ app: no answer/);
	assert.match(await rows.nth(1).innerText(), /✓ accepted\s*✗ app 500/);
	assert.match(await rows.nth(4).innerText(), /✓ accepted\s*✓ app 202/);

	// one that was refused
	await rows.nth(2).click();
	await detail.locator('h2', { hasText: 'bad_signature' }).waitFor();
	assert.match(await detail.innerText(), /\[no\] hmac in header\.X-Hub-Signature-256 over body/);
	assert.match(await detail.innerText(), /what would have verified\s+nothing that was tried/i);

	// one that was accepted and rewritten
	await rows.nth(4).click();
	await detail.locator('h2', { hasText: 'push' }).waitFor();
	const text = await detail.innerText();
	for (const part of [hostile, '[yes] hmac in header', 'on 1', '[yes] event push', '[yes] when body.n > 1', 'body.n > 1: true', '[redacted]', '202 in ']) {
		assert.ok(text.includes(part), `${part} is shown in\n${text}`);
	}
	assert.ok(!text.includes('hunter2'), 'a redacted value is shown');
	await detail.getByText('Lines that differ').click();
	assert.match(await detail.locator('details pre').innerText(), /^- .*"n": 2[\s\S]*\+ .*"n": 7/m);
	await looksRight(page, 'detail');

	// a line of curl has it as it came, whatever stands in it
	await page.getByRole('button', { name: 'Copy as cURL' }).click();
	await page.getByText('Copy as cURL: copied.').waitFor();
	const line = await page.evaluate(() => navigator.clipboard.readText());
	const args = execFileSync('sh', ['-c', line.replace('curl', "printf '%s\\0'")]).toString().split('\0');
	assert.deepEqual(JSON.parse(args[args.indexOf('--data-raw') + 1]), { ...payload, password: '[redacted]' });
	assert.ok(args.includes(`X-Note: ${hostile}`) && !line.includes('Signature'), line);

	// what is looked for
	await page.fill('#text', 'a-1042');
	await shown(page, 1);
	await page.fill('#text', '');
	await shown(page, 5);
	await page.selectOption('#outcome', 'bad_signature');
	await shown(page, 1);
	await page.fill('#text', 'nowhere');
	await page.getByText('Nothing that is kept fits.').waitFor();
	await page.getByRole('button', { name: 'Show all' }).click();
	await shown(page, 5);
	await page.selectOption('#endpoint', { label: 'github at second' });
	await shown(page, 0);
	await page.selectOption('#endpoint', '');
	await shown(page, 5);

	// what comes while the page is open
	assert.equal(await caddy.send('ping', {}), 204);
	await shown(page, 6);

	// nothing of it was taken for more than text
	assert.equal(await page.evaluate(() => window.pwned), undefined);
	assert.equal(await page.locator('img, iframe, object, #delivery script, #deliveries script').count(), 0);
	assert.deepEqual(errors, []);
	await page.context().close();
});

test('keys go through the list, open, close and search, and the focus stays', async () => {
	const { page, errors, rows, detail } = await open(browser, caddy.reading);
	await page.goto(`${caddy.reading}/webhooks/`);
	await shown(page, 6);
	const focused = () => page.evaluate(() => [...document.querySelectorAll('#deliveries a')].indexOf(document.activeElement));
	await page.keyboard.press('ArrowDown');
	assert.equal(await focused(), 0);
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('Enter');
	await detail.locator('h2', { hasText: 'gone' }).waitFor();
	assert.equal(await focused(), 1, 'the focus is lost');
	await caddy.send('ping', {});
	await shown(page, 7);
	assert.equal(await focused(), 2, 'what comes takes the focus');
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('Enter');
	await detail.locator('h2', { hasText: 'broken' }).waitFor();
	await page.keyboard.press('ArrowRight');
	assert.equal(await page.evaluate(() => document.activeElement.id), 'delivery');
	await page.keyboard.press('Escape');
	await page.getByText('Choose a webhook.').waitFor();
	assert.equal(await focused(), 3, 'the focus is not back at the row');
	await page.keyboard.press('ArrowUp');
	assert.equal(await focused(), 2);
	await page.keyboard.press('/');
	assert.equal(await page.evaluate(() => document.activeElement.id), 'text');
	await page.keyboard.type('/');
	assert.equal(await page.inputValue('#text'), '/', 'a slash cannot be typed');
	assert.equal(await rows.count() > 0, true);
	assert.deepEqual(errors, []);
	await page.context().close();
});

test('an address opens the webhook and the filters that it was copied with', async () => {
	const { page, rows, detail } = await open(browser, caddy.reading);
	await page.goto(`${caddy.reading}/webhooks/?text=A-1042`);
	await shown(page, 1);
	await rows.first().click();
	await page.getByRole('button', { name: 'Copy link' }).click();
	const address = await page.evaluate(() => navigator.clipboard.readText());
	await page.goto('about:blank');
	await page.goto(address);
	await shown(page, 1);
	await detail.getByText('A-1042').first().waitFor();
	assert.equal(await rows.first().getAttribute('aria-current'), 'true');
	await page.goto(address.replace(/#[^.]*/, '#ANOTHERPROCESS'));
	await detail.getByText('It is not kept any more.').waitFor();
	await page.context().close();
});

test('what waits is shown, and tried again only where the page may write, and after a question', async () => {
	assert.equal(await caddy.send('later', {}, { 'X-GitHub-Delivery': 'waits-1' }), 202);
	const reader = await open(browser, caddy.reading);
	await reader.page.goto(`${caddy.reading}/webhooks/`);
	await reader.rows.first().click();
	await reader.detail.getByText('500 Internal Server Error').waitFor();
	assert.match(await reader.detail.innerText(), /orders\s+! waiting\s+1\s+500 Internal Server Error/);
	assert.equal(await reader.page.getByRole('button', { name: 'Try now…' }).count(), 0);
	await reader.page.context().close();

	const { page, errors, rows, detail } = await open(browser, caddy.writing);
	await page.goto(`${caddy.writing}/webhooks/`);
	await rows.first().click();
	const again = detail.getByRole('button', { name: 'Try now…' });
	await again.click();
	await page.getByRole('button', { name: 'Cancel' }).click();
	await again.click();
	await page.keyboard.press('Escape');
	assert.equal(await detail.getByText('It is due at once.').count(), 0, 'it was tried without a yes');
	await again.click();
	await picture(page, 'question');
	await page.getByRole('button', { name: 'Try now', exact: true }).click();
	await detail.getByText('It is due at once.').waitFor();
	assert.deepEqual(errors, []);
	await page.context().close();
});

test('tenants are shown by who is first, and a click shows the webhooks of one', async () => {
	const { page, errors } = await open(browser, caddy.reading);
	const asked = [];
	await page.route('**/webhooks/tenants-top?*', (route) => {
		asked.push(new URL(route.request().url()).searchParams.get('order'));
		return route.fulfill({ json: [
			{ source: 'shops', tenant: 'acme', verified: 3, refused: 2, reason: 'bad_signature', last: new Date().toISOString() },
			{ source: 'shops', tenant: hostile, verified: 0, refused: 0, last: '0001-01-01T00:00:00Z' },
		] });
	});
	await page.goto(`${caddy.reading}/webhooks/`);
	await page.locator('#tenants summary').click();
	await page.getByText('3 verified, 2 refused (bad_signature)').waitFor();
	await looksRight(page, 'tenants');
	await page.locator('#order').selectOption('silent');
	for (const deadline = Date.now() + patience; !asked.includes('silent');) assert.ok(Date.now() < deadline && await page.waitForTimeout(20) === undefined);
	await page.getByRole('button', { name: 'Show the webhooks of acme' }).click();
	await page.getByText('Nothing that is kept fits.').waitFor();
	assert.match(page.url(), /tenant=acme/);
	assert.equal(await page.evaluate(() => window.pwned), undefined);
	assert.deepEqual(errors, []);
	await page.context().close();
});

test('with an archive there is what is older, exports, and sending again', async () => {
	const record = {
		ref: '0193', received: '2026-01-02T03:04:05Z', provider: 'github', endpoint: '/hook', event: 'push', id: 'evt_123',
		outcome: 'accepted', status: 500, method: 'POST', scheme: 'https', host: 'hooks.example.com', uri: '/hook', size: 2,
		later: [{ at: '2026-01-02T03:05:05Z', outcome: 'delivered' }],
	};
	const { page, errors, rows, detail } = await open(browser, caddy.writing);
	const asked = [];
	await page.route('**/webhooks/session', (route) => route.fulfill({ json: { token: 'T', archive: true, queue: false } }));
	await page.route('**/webhooks/events**', (route) => {
		const request = route.request();
		const { pathname, search } = new URL(request.url());
		asked.push(`${request.method()} ${pathname}${search} ${request.headers()['x-inspector-token'] ?? ''}`);
		if (pathname.endsWith('/resend')) return route.fulfill({ json: { ref: '0193', outcome: 'resent', status: 200, duration: 3e6 } });
		if (pathname.endsWith('/0193')) return route.fulfill({ json: { ...record, headers: [{ name: 'X-Note', value: hostile }], body: '{}' } });
		return route.fulfill({ json: { events: [record] } });
	});
	await page.goto(`${caddy.writing}/webhooks/`);
	await shown(page, 8);
	await page.getByRole('button', { name: 'Older, from the archive' }).click();
	await shown(page, 9);
	assert.match(await rows.last().innerText(), /push\s*✓ accepted\s*✗ app 500\s*✓ delivered/);
	await rows.last().click();
	await detail.locator('h2', { hasText: 'push' }).waitFor();
	assert.match(await detail.innerText(), /in the archive, as 0193/);
	assert.ok((await detail.innerText()).includes(hostile));
	assert.equal(await detail.getByRole('link', { name: 'Export' }).getAttribute('href'), '/webhooks/events/0193/request');
	await detail.getByRole('button', { name: 'Send again…' }).click();
	await page.getByRole('button', { name: 'Send again', exact: true }).click();
	await detail.getByText('✓ resent 200').waitFor();
	assert.ok(asked.includes('POST /webhooks/events/resend?ref=0193 T'), asked.join('\n'));
	await looksRight(page, 'archive');
	assert.deepEqual(errors, []);
	await page.context().close();
});

test('of two thousand it shows two hundred at a time, and scrolls the list alone', async () => {
	for (let i = 0; i < 2000; i += 40) {
		await Promise.all(Array.from({ length: 40 }, (_, k) => caddy.send('ping', { n: i + k }, {}, k % 2 ? '/hook' : '/second')));
	}
	for (const [size, viewport] of Object.entries(sizes)) {
		const { page, errors, rows, detail } = await open(browser, caddy.reading, { viewport });
		await page.goto(`${caddy.reading}/webhooks/`);
		await shown(page, 200);
		assert.equal(await page.locator('#state').innerText(), '200 of 2000 webhooks');
		await picture(page, `many-${size}`);
		for (let count = 400; count <= 2000; count += 200) {
			await page.locator('#older').click();
			await shown(page, count);
		}
		await page.locator('#older').waitFor({ state: 'hidden' });
		const row = rows.nth(1500);
		await row.scrollIntoViewIfNeeded();
		await row.click();
		const heading = detail.locator('h2', { hasText: 'ping' });
		await heading.waitFor();
		const box = await heading.boundingBox();
		assert.ok(box.y > 0 && box.y < viewport.height, `what was chosen is at ${box.y}`);
		assert.equal(await page.evaluate(() => scrollY), 0);
		if (size === 'phone') {
			assert.equal(await page.locator('#list').isVisible(), false, 'the list is in the way');
			await page.getByRole('button', { name: '← All webhooks' }).click();
			assert.ok(await row.isVisible(), 'the list is not where it was left');
			const back = await row.boundingBox();
			assert.ok(back.y >= 0 && back.y < viewport.height, `the row is at ${back.y}`);
			await row.click();
			await heading.waitFor();
			await page.goBack();
			assert.ok(await page.locator('#list').isVisible(), 'the browser does not go back to the list');
		}
		assert.deepEqual(errors, []);
		await page.context().close();
	}
});

test('the browser would refuse a script, and markup out of text', async () => {
	const { page } = await open(browser, caddy.reading);
	await page.goto(`${caddy.reading}/webhooks/`);
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
	await page.context().close();
});
