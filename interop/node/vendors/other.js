// Vendors that sign fields, forms or URLs, by public keys or with tokens.

import { createHash, generateKeyPairSync } from 'node:crypto';
import { parse } from 'node:querystring';

import { hmacValidator as AdyenValidator } from '@adyen/api-library';
import { Signature as HubSpot } from '@hubspot/api-client';
import { EventWebhook } from '@sendgrid/eventwebhook';
import { verifySignature as verifyVonage } from '@vonage/jwt';
import jira from 'atlassian-jwt';
import { WebhooksManager as Box } from 'box-node-sdk/managers/webhooks';
import braintree from 'braintree';
import { WebhookReceiver as LiveKit, AccessToken as LiveKitToken } from 'livekit-server-sdk';
import { WebhookSignatureValidator as MercadoPago } from 'mercadopago';
import plivo from 'plivo';
import Telnyx from 'telnyx';

import { vendor } from '../lib/vendor.js';

const base64 = (bytes) => Buffer.from(bytes).toString('base64');
const hex = (text) => Buffer.from(text).toString('hex');

const secrets = ['secret', 'older', 'other'];

/** Three key pairs: what Caddy is given by form(), and the private keys for send. */
function keyPairs(type, options, form) {
	const pairs = secrets.map((name) => [name, generateKeyPairSync(type, options)]);
	const given = Object.fromEntries(pairs.map(([name, { publicKey }]) => [name, form(publicKey)]));
	const privateKeys = Object.fromEntries(pairs.map(([name, { privateKey }]) => (
		[given[name], privateKey.export({ type: 'pkcs8', format: 'pem' })]
	)));
	return { ...given, privateKeys };
}

const spki = (key) => base64(key.export({ type: 'spki', format: 'der' }));
const raw = (key) => Buffer.from(key.export({ format: 'jwk' }).x, 'base64url').toString('base64');

const adyen = new AdyenValidator();
const sendgrid = new EventWebhook();
const telnyx = new Telnyx({ apiKey: 'unused' });

const bearer = (m) => m.get('Authorization').replace(/^(Bearer|JWT) /, '');
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

const braintreeGateway = (privateKey) => new braintree.BraintreeGateway({
	environment: braintree.Environment.Sandbox, merchantId: 'unused', publicKey: 'examplepublickey', privateKey,
});

/** HubSpot's library wants what it hashes, and compares. */
const hubspot = (preset, signatureVersion, header) => ({
	preset,
	verify: (clientSecret, m) => HubSpot.isValid({
		signatureVersion,
		signature: m.get(header),
		clientSecret,
		requestBody: m.text,
		method: m.method,
		url: m.url,
		timestamp: Number(m.get('X-HubSpot-Request-Timestamp')),
	}),
});

export const otherVendors = [
	{
		preset: 'adyen',
		secret: hex('interop secret'),
		older: hex('interop older secret'),
		other: hex('interop other secret'),
		covers: 'part',
		verify: (secret, m) => JSON.parse(m.text).notificationItems
			.every(({ NotificationRequestItem: item }) => adyen.validateHMAC(item, secret)),
	},
	{
		preset: 'box',
		verify: (key, m) => Box.validateMessage(m.text, m.all(), key),
	},
	{
		preset: 'braintree',
		verify(privateKey, m) {
			const { bt_signature: signature, bt_payload: payload } = parse(m.text);
			return braintreeGateway(privateKey).webhookNotification.parse(signature, payload);
		},
		async sign(privateKey, m) {
			const sample = await braintreeGateway(privateKey).webhookTesting.sampleNotification(braintree.WebhookNotification.Kind.Check, '1');
			m.body = Buffer.from(new URLSearchParams(sample).toString());
		},
		signs: 'package', // the package looks for the signature of its own public key
	},
	hubspot('hubspot-v1', 'v1', 'X-HubSpot-Signature'),
	hubspot('hubspot-v2', 'v2', 'X-HubSpot-Signature'),
	hubspot('hubspot-v3', 'v3', 'X-HubSpot-Signature-v3'),
	{
		preset: 'jira-connect',
		covers: 'part',
		verify(secret, m) {
			const claims = jira.decodeSymmetric(bearer(m), secret, jira.SymmetricAlgorithm.HS256);
			return claims.qsh === jira.createQueryStringHash(jira.fromMethodAndUrl(m.method, m.uri));
		},
		sign(secret, m, time) {
			const iat = Math.floor(time / 1000);
			const qsh = jira.createQueryStringHash(jira.fromMethodAndUrl(m.method, m.uri));
			m.set('Authorization', `JWT ${jira.encodeSymmetric({ iss: 'jira', iat, exp: iat + 180, qsh }, secret, jira.SymmetricAlgorithm.HS256)}`);
		},
	},
	{
		preset: 'livekit',
		verify: (secret, m) => new LiveKit('devkey', secret).receive(m.text, m.get('Authorization')),
		signs: 'package', // the package wants the API key as issuer
		async sign(secret, m) {
			const token = new LiveKitToken('devkey', secret);
			token.sha256 = base64(createHash('sha256').update(m.body).digest());
			m.set('Authorization', await token.toJwt());
		},
	},
	{
		preset: 'mercado-pago',
		covers: 'part',
		verify: (secret, m) => MercadoPago.validate({
			xSignature: m.get('x-signature'),
			xRequestId: m.get('x-request-id'),
			dataId: new URL(m.url).searchParams.get('data.id'),
			secret,
		}),
	},
	{
		preset: 'plivo',
		verify: (token, m) => plivo.validateV3Signature(
			m.method, m.url, m.get('X-Plivo-Signature-V3-Nonce'), token, m.get('X-Plivo-Signature-V3'), { ...parse(m.text) },
		),
	},
	{
		preset: 'sendgrid',
		...keyPairs('ec', { namedCurve: 'prime256v1' }, spki),
		verify: (key, m) => sendgrid.verifySignature(
			sendgrid.convertPublicKeyToECDSA(key),
			m.body,
			m.get('X-Twilio-Email-Event-Webhook-Signature'),
			m.get('X-Twilio-Email-Event-Webhook-Timestamp'),
		),
	},
	{
		preset: 'telnyx',
		...keyPairs('ed25519', {}, raw),
		verify: (key, m) => telnyx.webhooks.unwrap(m.text, { headers: m.all(), key }),
	},
	{
		preset: 'vonage',
		verify: (secret, m) => verifyVonage(bearer(m), secret)
			&& JSON.parse(Buffer.from(bearer(m).split('.')[1], 'base64url')).payload_hash === sha256(m.body),
	},
].map(vendor);
