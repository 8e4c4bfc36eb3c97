// Official packages of providers meet a running Caddy: what a package signs
// Caddy must let pass unchanged, and what a package refuses Caddy must refuse.
// What Caddy signs a package must accept. Tokens that Caddy issues a package must
// be able to fetch.

import { after, test } from 'node:test';

import { startCaddy } from './lib/caddy.js';
import { runProvider } from './lib/trial.js';
import { startApp } from './lib/wire.js';
import { signedRoutes, signedWebhooks } from './outgoing/signed.js';
import { discord, discordPings } from './providers/discord.js';
import { github, githubExamples } from './providers/github.js';
import { paddle } from './providers/paddle.js';
import { square } from './providers/square.js';
import { standardWebhooks, svix } from './providers/standard.js';
import { stripe } from './providers/stripe.js';
import { twilio } from './providers/twilio.js';
import { fetchedTokens, oauthTokens, tokenRoutes } from './tokens/instaleap.js';

const providers = [stripe, svix, standardWebhooks, github, twilio, discord, paddle, square];

const app = await startApp();
const caddy = await startCaddy(providers, signedRoutes, tokenRoutes(app.port), app).catch((err) => {
	app.close();
	throw err;
});
after(async () => {
	await caddy.stop();
	app.close();
});

for (const provider of providers) {
	test(provider.preset, (t) => runProvider(t, provider, caddy));
}
test('all examples of @octokit/webhooks-examples', (t) => githubExamples(t, caddy));
test('pings of Discord', () => discordPings(caddy));
test('what webhook_sign makes', (t) => signedWebhooks(t, caddy));
test('tokens by fetch', (t) => fetchedTokens(t, caddy));
test('tokens by simple-oauth2', (t) => oauthTokens(t, caddy));
