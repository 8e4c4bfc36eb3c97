// Vendors that sign the body, or a time and the body, with a shared secret.

import '@shopify/shopify-api/adapters/node';

import { createHmac } from 'node:crypto';

import { hmacValidator as AdyenValidator } from '@adyen/api-library';
import EasyPost from '@easypost/api';
import { ElevenLabsClient } from '@elevenlabs/elevenlabs-js';
import { isValidWebhookSignature as validFingerprint } from '@fingerprint/node-sdk';
import { SignatureHelper as Kontent } from '@kontent-ai/webhook-helper';
import { LinearWebhookClient } from '@linear/sdk/webhooks';
import { verifyWebhookSignature as verifyLovable } from '@lovable.dev/webhooks-js';
import Metronome from '@metronome/sdk';
import Mux from '@mux/mux-node';
import { Nango } from '@nangohq/node';
import { signWebhookPayload as signNotion, verifyWebhookSignature as verifyNotion } from '@notionhq/client';
import { WebhookEventVerifier as Onfido } from '@onfido/api';
import { assertValidSignature as assertSanity, encodeSignatureHeader as signSanity } from '@sanity/webhook';
import { shopifyApi } from '@shopify/shopify-api';
import { validateWebhookSignature as validSinch } from '@sinch/sdk-core';
import { PlainWebhookSignatureVerificationError as PlainError, verifyPlainWebhook } from '@team-plain/typescript-sdk';
import { WorkOS } from '@workos-inc/node';
import { CFEnvironment, Cashfree } from 'cashfree-pg';
import CoinbaseCommerce from 'coinbase-commerce-node';
import { verifyWebhookSignature as verifyCreem } from 'creem/webhooks';
import * as gocardless from 'gocardless-nodejs/webhooks';
import ModernTreasury from 'modern-treasury';
import Orb from 'orb-billing';
import Paymongo from 'paymongo-node';
import Pusher from 'pusher';
import Razorpay from 'razorpay';
import Retell from 'retell-sdk';
import { WebflowClient } from 'webflow-api';

import { vendor } from '../lib/vendor.js';

const hex = (text) => Buffer.from(text).toString('hex');

const adyen = new AdyenValidator();
const easypost = new EasyPost('unused');
const elevenlabs = new ElevenLabsClient({ apiKey: 'unused' });
const kontent = new Kontent();
const metronome = new Metronome({ bearerToken: 'unused' });
const modernTreasury = new ModernTreasury({ apiKey: 'unused', organizationID: 'unused' });
const mux = new Mux({ tokenId: 'unused', tokenSecret: 'unused' });
const orb = new Orb({ apiKey: 'unused' });
const paymongo = new Paymongo('unused');
const webflow = new WebflowClient({ accessToken: 'unused' });
const workos = new WorkOS('sk_unused');

const shopify = (apiSecretKey) => shopifyApi({
	apiKey: 'unused', apiSecretKey, hostName: 'app.example.com', apiVersion: '2026-07', isEmbeddedApp: false, logger: { level: 0 },
});

export const bodyVendors = [
	{
		preset: 'adyen-header',
		secret: hex('interop secret'),
		older: hex('interop older secret'),
		other: hex('interop other secret'),
		verify: (secret, m) => adyen.validateHMACSignature(secret, m.get('HmacSignature'), m.text),
		sign: (secret, m) => m.set('HmacSignature', adyen.calculateHmac(m.text, secret)),
	},
	{
		preset: 'cashfree',
		verify: (secret, m) => new Cashfree(CFEnvironment.SANDBOX, 'unused', secret)
			.PGVerifyWebhookSignature(m.get('x-webhook-signature'), m.text, m.get('x-webhook-timestamp')),
	},
	{
		preset: 'coinbase-commerce',
		verify: (secret, m) => CoinbaseCommerce.Webhook.verifySigHeader(m.text, m.get('X-CC-Webhook-Signature'), secret),
	},
	{ preset: 'creem', verify: (secret, m) => verifyCreem(m.text, m.all(), { secret }) },
	{ preset: 'easypost', verify: (secret, m) => easypost.Utils.validateWebhook(m.body, m.all(), secret) },
	{
		preset: 'elevenlabs',
		verify: (secret, m) => elevenlabs.webhooks.constructEvent(m.text, m.get('ElevenLabs-Signature'), secret),
	},
	{
		preset: 'fingerprint',
		verify: (secret, m) => validFingerprint({ header: m.get('fpjs-event-signature'), data: m.body, secret }),
	},
	{ preset: 'gocardless', verify: (secret, m) => gocardless.parse(m.body, secret, m.get('Webhook-Signature')) },
	{
		preset: 'kontent-ai',
		verify: (secret, m) => kontent.isValidSignatureFromString(m.text, secret, m.get('X-Kontent-ai-Signature')),
		sign: (secret, m) => m.set('X-Kontent-ai-Signature', kontent.getHashFromString(m.text, secret)),
	},
	{ preset: 'linear', verify: (secret, m) => new LinearWebhookClient(secret).verify(m.body, m.get('Linear-Signature')) },
	{
		preset: 'lovable',
		verify: (secret, m) => verifyLovable({
			signedPayload: `${m.get('x-lovable-timestamp')}.${m.text}`, signature: m.get('x-lovable-signature'), secret,
		}),
	},
	{ preset: 'metronome', verify: (secret, m) => metronome.webhooks.unwrap(m.text, m.all(), secret) },
	{
		preset: 'modern-treasury',
		verify: (key, m) => modernTreasury.webhooks.validateSignature(m.text, m.all(), { key }),
		sign: (key, m) => m.set('X-Signature', modernTreasury.webhooks.getSignature(m.text, { key })),
	},
	{ preset: 'mux', verify: (secret, m) => mux.webhooks.verifySignature(m.text, m.all(), secret) },
	{
		preset: 'nango',
		verify: (webhookSigningKey, m) => new Nango({ secretKey: 'unused', webhookSigningKey }).verifyIncomingWebhookRequest(m.text, m.all()),
	},
	{
		preset: 'notion',
		verify: (verificationToken, m) => verifyNotion({ body: m.text, signature: m.get('X-Notion-Signature'), verificationToken }),
		async sign(verificationToken, m) {
			m.set('X-Notion-Signature', await signNotion({ body: m.text, verificationToken }));
		},
	},
	{ preset: 'onfido', verify: (secret, m) => new Onfido(secret).readPayload(m.body, m.get('X-SHA2-Signature')) },
	{
		preset: 'orb',
		verify: (secret, m) => orb.webhooks.verifySignature(m.text, m.all(), secret),
		sign(secret, m, time) {
			const timestamp = new Date(time).toISOString().replace('Z', '');
			m.set('X-Orb-Timestamp', timestamp);
			m.set('X-Orb-Signature', orb.webhooks.signPayload(m.text, { timestamp, secret }));
		},
	},
	{
		preset: 'paymongo', // the package wants all three entries
		verify: (webhookSecretKey, m) => paymongo.webhooks.constructEvent({
			payload: m.text, signatureHeader: m.get('Paymongo-Signature'), webhookSecretKey,
		}),
		signs: 'package',
		sign(secret, m, time) {
			const seconds = Math.floor(time / 1000);
			const mac = createHmac('sha256', secret).update(`${seconds}.${m.text}`).digest('hex');
			m.set('Paymongo-Signature', `t=${seconds},te=${mac},li=`);
		},
		differ: {
			'Paymongo-Signature is cut': { accepts: 'caddy', why: 'what is cut is the equals sign of the empty entry' },
			'Paymongo-Signature has another last letter': { accepts: 'caddy', why: 'as with the cut' },
		},
	},
	{
		preset: 'plain',
		// The signature is looked at first. The sample is less than the package's
		// schema asks for, and that is another error.
		verify: (secret, m) => !(verifyPlainWebhook(m.text, m.get('Plain-Request-Signature'), secret).error instanceof PlainError),
	},
	{
		preset: 'pusher',
		verify: (secret, m) => new Pusher({ appId: '1', key: '278d425bdf160c739803', secret, cluster: 'eu' })
			.webhook({ headers: m.all(), rawBody: m.text }).isValid(),
		unsigned: ['x-pusher-key'],
	},
	{
		preset: 'razorpay',
		verify: (secret, m) => Razorpay.validateWebhookSignature(m.text, m.get('X-Razorpay-Signature'), secret),
	},
	{
		preset: 'retell',
		verify: (key, m) => Retell.verify(m.text, key, m.get('X-Retell-Signature')),
		async sign(key, m) {
			m.set('X-Retell-Signature', await Retell.sign(m.text, key));
		},
	},
	{
		preset: 'sanity',
		verify: (secret, m) => assertSanity(m.text, m.get('sanity-webhook-signature'), secret),
		async sign(secret, m, time) {
			m.set('sanity-webhook-signature', await signSanity(m.text, time, secret));
		},
	},
	{
		preset: 'shopify',
		verify: async (secret, m) => (await shopify(secret).webhooks.validate({
			rawBody: m.text, rawRequest: { headers: m.all(), method: m.method, url: m.uri }, rawResponse: {},
		})).valid,
		unsigned: ['x-shopify-topic', 'x-shopify-api-version', 'x-shopify-shop-domain', 'x-shopify-webhook-id', 'x-shopify-event-id'],
	},
	{ preset: 'sinch', verify: (secret, m) => validSinch(secret, m.all(), m.text) },
	{ preset: 'webflow', verify: (secret, m) => webflow.webhooks.verifySignature({ headers: m.all(), body: m.text, secret }) },
	{
		preset: 'workos',
		edit: (body) => JSON.stringify({ interop: 'Größe 漢字 😀', ...JSON.parse(body) }),
		verify: (secret, m) => workos.webhooks.verifyHeader({ payload: JSON.parse(m.text), sigHeader: m.get('WorkOS-Signature'), secret }),
		async sign(secret, m, time) {
			m.set('WorkOS-Signature', `t=${time}, v1=${await workos.webhooks.computeSignature(time, JSON.parse(m.text), secret)}`);
		},
		differ: {
			'spoilt by send': { accepts: 'package', why: 'a space behind the body; the package signs its own spelling of the object' },
			'byte added': { accepts: 'package', why: 'as spoilt by send' },
		},
		timed: true,
	},
].map(vendor);
