// Verifies GitHub's and Stripe's webhooks by itself.
//
//	npm install express@5
//	GITHUB_SECRET=s3cret STRIPE_SECRET=whsec_s3cret node before.js
const crypto = require('node:crypto')
const express = require('express')

const app = express()

// The signature is over the bytes, so the body must not be parsed before.
app.use(express.raw({ type: '*/*' }))

function hmac(secret, ...parts) {
  const mac = crypto.createHmac('sha256', secret)
  for (const part of parts) mac.update(part)
  return mac.digest('hex')
}

function equal(a, b) {
  return a.length === b.length && crypto.timingSafeEqual(Buffer.from(a), Buffer.from(b))
}

function fromGitHub(req, res, next) {
  const signature = req.get('X-Hub-Signature-256') ?? ''
  if (!equal(signature, 'sha256=' + hmac(process.env.GITHUB_SECRET, req.body))) return res.sendStatus(401)
  next()
}

function fromStripe(req, res, next) {
  const fields = (req.get('Stripe-Signature') ?? '').split(',').map((field) => field.split('='))
  const time = fields.find(([name]) => name === 't')?.[1] ?? '0'
  const signature = hmac(process.env.STRIPE_SECRET, time, '.', req.body)
  if (Math.abs(Date.now() / 1000 - Number(time)) > 300) return res.sendStatus(401)
  if (!fields.some(([name, value]) => name === 'v1' && equal(value, signature))) return res.sendStatus(401)
  next()
}

app.post('/github', fromGitHub, (req, res) => {
  console.log('github', req.get('X-GitHub-Event'), JSON.parse(req.body).ref)
  res.sendStatus(204)
})

app.post('/stripe', fromStripe, (req, res) => {
  const event = JSON.parse(req.body)
  console.log('stripe', event.type, event.id)
  res.sendStatus(204)
})

app.listen(3000, '127.0.0.1')
