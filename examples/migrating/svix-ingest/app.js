// Verifies by Svix' own library, before the migration and after it.
//
//	npm install express@5 svix@1
//	SVIX_SECRET=whsec_dGhlIGFwcCBrbm93cyBvbmUga2V5IG9ubHk= node app.js
const express = require('express')
const { Webhook } = require('svix')

const webhook = new Webhook(process.env.SVIX_SECRET)
const app = express()
app.use(express.raw({ type: '*/*' }))

app.post('/github', (req, res) => {
  let event
  try {
    event = webhook.verify(req.body, req.headers)
  } catch {
    return res.sendStatus(401)
  }
  console.log('verified', event.ref)
  res.sendStatus(204)
})

app.listen(3000, '127.0.0.1')
