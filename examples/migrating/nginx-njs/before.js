// Verifies GitHub's webhooks in nginx.
import crypto from 'crypto'

function equal(a, b) {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}

function verify(r) {
  const digest = crypto.createHmac('sha256', process.env.GITHUB_SECRET).update(r.requestBuffer || '').digest('hex')
  if (!equal(r.headersIn['X-Hub-Signature-256'] || '', 'sha256=' + digest)) {
    r.return(401)
    return
  }
  r.internalRedirect('@app')
}

export default { verify }
