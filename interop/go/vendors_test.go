package interop

import (
	"encoding/json"
	"errors"
	"net/url"

	"code.gitea.io/sdk/gitea"
	"github.com/PagerDuty/go-pagerduty/webhookv3"
	"github.com/mailgun/mailgun-go/v4"
)

var vendors = []*vendor{
	{
		preset: "gitea",
		verify: func(secret string, m message) error {
			ok, err := gitea.VerifyWebhookSignature(secret, m.header.Get("X-Gitea-Signature"), m.body)
			return verdict(ok, err)
		},
	},
	{
		preset: "mailgun",
		part:   true,
		verify: func(secret string, m message) error {
			var payload mailgun.WebhookPayload
			if err := json.Unmarshal(m.body, &payload); err != nil {
				return err
			}
			return verifyMailgun(secret, payload.Signature)
		},
	},
	{
		preset: "mailgun-form",
		part:   true,
		verify: func(secret string, m message) error {
			form, err := url.ParseQuery(string(m.body))
			if err != nil {
				return err
			}
			return verifyMailgun(secret, mailgun.Signature{
				TimeStamp: form.Get("timestamp"), Token: form.Get("token"), Signature: form.Get("signature"),
			})
		},
	},
	{
		preset: "pagerduty",
		verify: func(secret string, m message) error { return webhookv3.VerifySignature(m.request(), secret) },
	},
}

func verifyMailgun(secret string, signature mailgun.Signature) error {
	client := mailgun.NewMailgun("example.com", "unused")
	client.SetWebhookSigningKey(secret)
	return verdict(client.VerifyWebhookSignature(signature))
}

// verdict makes an error of a library's two answers.
func verdict(ok bool, err error) error {
	if err == nil && !ok {
		return errors.New("the signature does not match")
	}
	return err
}
