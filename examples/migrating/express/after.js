// Caddy verifies. The app listens on this machine only, and parses JSON as
// everywhere else.
//
//	npm install express@5
//	node after.js
const express = require('express')

const app = express()
app.use(express.json())

app.post('/github', (req, res) => {
  console.log('github', req.get('Webhook-Event'), req.body.ref)
  res.sendStatus(204)
})

app.post('/stripe', (req, res) => {
  console.log('stripe', req.get('Webhook-Event'), req.get('Webhook-Delivery-Id'))
  res.sendStatus(204)
})

app.listen(3000, '127.0.0.1')
