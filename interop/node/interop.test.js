// Official packages of providers meet a running Caddy: what a package signs
// Caddy must let pass unchanged, and what a package refuses Caddy must refuse.
// What Caddy signs a package must accept. Tokens that Caddy issues a package must
// be able to fetch, and those that an OAuth server issues Caddy must accept.

import { after, test } from 'node:test';

import { startCaddy } from './lib/caddy.js';
import { runProvider } from './lib/trial.js';
import { runVendor } from './lib/vendor.js';
import { startApp } from './lib/wire.js';
import { signedRoutes, signedWebhooks } from './outgoing/signed.js';
import { discord, discordPings } from './providers/discord.js';
import { github, githubExamples } from './providers/github.js';
import { paddle } from './providers/paddle.js';
import { square } from './providers/square.js';
import { standardWebhooks, svix } from './providers/standard.js';
import { stripe } from './providers/stripe.js';
import { twilio } from './providers/twilio.js';
import { accessTokens, issuerRoutes } from './tokens/access.js';
import { fetchedTokens, oauthTokens, tokenRoutes } from './tokens/instaleap.js';
import { startIssuer } from './tokens/issuer.js';
import { bodyVendors } from './vendors/body.js';
import { moreVendors } from './vendors/more.js';
import { otherVendors } from './vendors/other.js';
import { standardVendors } from './vendors/standard.js';

const providers = [stripe, svix, standardWebhooks, github, twilio, discord, paddle, square];
const vendors = [...standardVendors, ...bodyVendors, ...otherVendors, ...moreVendors];

const app = await startApp();
after(() => app.close());
const issuer = await startIssuer();
after(() => issuer.stop());
const caddy = await startCaddy([...providers, ...vendors], signedRoutes, tokenRoutes(app.port) + issuerRoutes(issuer, app), app);
after(() => caddy.stop());

for (const provider of providers) {
	test(provider.preset, (t) => runProvider(t, provider, caddy));
}
for (const vendor of vendors) {
	test(vendor.preset, (t) => runVendor(t, vendor, caddy));
}
test('all examples of @octokit/webhooks-examples', (t) => githubExamples(t, caddy));
test('pings of Discord', () => discordPings(caddy));
test('what webhook_sign makes', (t) => signedWebhooks(t, caddy));
test('tokens by fetch', (t) => fetchedTokens(t, caddy));
test('tokens by simple-oauth2', (t) => oauthTokens(t, caddy));
test('access tokens of oidc-provider', (t) => accessTokens(t, caddy, issuer));
