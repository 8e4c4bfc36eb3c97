// Vendors that sign by Standard Webhooks, or by Svix, and verify with packages of
// their own.

import Anthropic from '@anthropic-ai/sdk';
import { verifyWebhook as verifyClerk } from '@clerk/backend/webhooks';
import { WebhookHandler as Liveblocks } from '@liveblocks/node';
import DodoPayments from 'dodopayments';
import Lithic from 'lithic';
import OpenAI from 'openai';
import { validateWebhook as validateReplicate } from 'replicate';
import { Resend } from 'resend';
import Whop from '@whop/sdk';

import { vendor } from '../lib/vendor.js';

const keys = {
	secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
	older: 'whsec_b2xkZXIgc2VjcmV0IG9mIHRoZSBlbmRwb2ludA==',
	other: 'whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSBlbmRwb2ludA==',
};

const standard = (preset, verify) => vendor({ preset, ...keys, verify });

const anthropic = new Anthropic({ apiKey: 'unused' });
const dodo = new DodoPayments({ bearerToken: 'unused' });
const lithic = new Lithic({ apiKey: 'unused' });
const openai = new OpenAI({ apiKey: 'unused' });
const resend = new Resend('unused');
const whop = new Whop({ apiKey: 'unused' });

/** Svix's three headers as resend wants them. */
const parts = (m) => Object.fromEntries(['id', 'timestamp', 'signature'].map((part) => [part, m.get(`svix-${part}`)]));

export const standardVendors = [
	standard('anthropic', (key, m) => anthropic.beta.webhooks.unwrap(m.text, { headers: m.all(), key })),
	standard('clerk', (signingSecret, m) => verifyClerk(m.request(), { signingSecret })),
	standard('dodo-payments', (key, m) => dodo.webhooks.unwrap(m.text, { headers: m.all(), key })),
	standard('lithic', (secret, m) => lithic.webhooks.verifySignature(m.text, m.all(), secret)),
	standard('liveblocks', (secret, m) => new Liveblocks(secret).verifyRequest({ headers: m.all(), rawBody: m.text })),
	standard('openai', (secret, m) => openai.webhooks.unwrap(m.text, m.all(), secret)),
	standard('replicate', (secret, m) => validateReplicate(m.request(), secret)),
	standard('resend', (webhookSecret, m) => resend.webhooks.verify({ payload: m.text, headers: parts(m), webhookSecret })),
	standard('whop', (key, m) => whop.webhooks.unwrap(m.text, { headers: m.all(), key })),
];
