package e2e_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// instaleapSignature joins what Instaleap's page tells to join, and hashes it.
func instaleapSignature(secret, id, createdAt, kind string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(id + "&" + createdAt + "&" + kind))
	return hex.EncodeToString(mac.Sum(nil))
}

// Events are routed by the categories of Instaleap's page, of which some are in
// two, in a handle_webhook and by matchers, in the order of the blocks.
func TestCategoriesRoute(t *testing.T) {
	srv := webhooktest.Start(t, site(`@consolidation webhook_event category consolidation
	@both {
		webhook_event category tasks
		webhook_event CHAT
	}
	handle_webhook /hook instaleap a-secret {
		on PICKING_FINISHED {
			respond finished
		}
		on category picking steps when `+"`body.job.kind != 7`"+` {
			respond "picking {http.webhook.event}"
		}
		on category job task-resets {
			respond job
		}
		on when `+"`category == 'zone-picking' || 'invoicing' in categories`"+` {
			respond other
		}
		otherwise pass
	}
	respond @consolidation consolidation
	respond @both tasks
	respond none`))
	for kind, want := range map[string]string{
		"PICKING_FINISHED":     "finished",
		"PICKING_STARTED":      "picking PICKING_STARTED",
		"ITEMS_UPDATED":        "picking ITEMS_UPDATED",
		"CLIENT_RECEIVED":      "picking CLIENT_RECEIVED",
		"CANCELLED":            "job",
		"TASK_RESET_PICK_UP":   "job",
		"PARKING_STARTED":      "other",
		"PRICES_UPDATED":       "other",
		"PICKING_WITH_STORAGE": "tasks",
		"PICKING":              "tasks",
		"CHAT":                 "tasks",
		"PICKING_OF_NEXT_YEAR": "none",
	} {
		body := fmt.Sprintf(`{"id":"1","created_at":"2026-01-01T00:00:00Z","type":%q,"job":{"kind":1}}`, kind)
		got := srv.Post("/hook", body, "InstaLeap-Signature: "+instaleapSignature("a-secret", "1", "2026-01-01T00:00:00Z", kind))
		checkAnswer(t, got, 200, want)
	}
	// An event that a rule turns away falls to a later category.
	body := `{"id":"1","created_at":"2026-01-01T00:00:00Z","type":"CHECKED_OUT","job":{"kind":7}}`
	got := srv.Post("/hook", body, "InstaLeap-Signature: "+instaleapSignature("a-secret", "1", "2026-01-01T00:00:00Z", "CHECKED_OUT"))
	checkAnswer(t, got, 200, "consolidation")
}

// A category of an operator's own may hang on the payload.
func TestOwnCategories(t *testing.T) {
	srv := webhooktest.Start(t, `{
	webhooks {
		provider acme token {
			event body.type
			categories abroad when "body.country != 'MX'"
			categories money order.paid order.refunded
		}
	}
}
`+site(`handle_webhook /hook acme {
		token a-token
		on category money when `+"`'abroad' in categories`"+` {
			respond "money from abroad"
		}
		on category money {
			respond money
		}
		on category abroad {
			respond abroad
		}
		otherwise {
			respond rest
		}
	}`))
	for body, want := range map[string]string{
		`{"type":"order.paid","country":"US"}`: "money from abroad",
		`{"type":"order.paid","country":"MX"}`: "money",
		`{"type":"order.new","country":"US"}`:  "abroad",
		`{"type":"order.new","country":"MX"}`:  "rest",
	} {
		checkAnswer(t, srv.Post("/hook", body, "Authorization: Bearer a-token"), 200, want)
	}
}
