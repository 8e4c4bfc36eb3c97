package examples_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// table has all examples. Credentials are those of the stored requests; answers
// quote what the example's app got.
func table(t *testing.T) []example {
	t.Helper()
	issuer := webhooktest.NewIssuer(t)
	return []example{
		{"quickstart", nil, []step{
			{"refund", instaleap(t, "quickstart-secret", "CANCELLED").with("X-Instaleap-Token", "quickstart-token"), 200, "The app got POST /refunds\n" +
				"Webhook-Event: CANCELLED\nWebhook-Delivery-Id: 5bf7128e-c481-48fe-86fa-d0d52282dde8\n\n" +
				`{"order":"0000AG382N","total":403.97,"why":"CANCELLED"}`},
			{"picking", instaleap(t, "quickstart-secret", "PICKING_STARTED").with("X-Instaleap-Token", "quickstart-token"), 200, "POST /picking\n"},
			{"other event", instaleap(t, "quickstart-secret", "CREATED").with("X-Instaleap-Token", "quickstart-token"), 200, "POST /orders\n"},
			{"no token", instaleap(t, "quickstart-secret", "CANCELLED"), 401, ""},
			{"tampered", instaleap(t, "quickstart-secret", "CANCELLED").with("X-Instaleap-Token", "quickstart-token").but(`"CANCELLED"`, `"CANCELLEDX"`), 401, ""},
		}},
		{"oauth-token", map[string]string{"OAUTH_SERVER": issuer.URL()}, []step{
			{"right scope", checkedIn(t, issuer, "hooks.example.com/bringg", "profile webhooks:send"), 200, "POST /bringg task_checked_in"},
			{"other event", checkedIn(t, issuer, "hooks.example.com/bringg", "webhooks:send").but("task_checked_in", "note_created"), 204, ""},
			{"other scope", checkedIn(t, issuer, "hooks.example.com/bringg", "webhooks"), 401, ""},
			{"other audience", checkedIn(t, issuer, "hooks.example.com/orders", "webhooks:send"), 401, ""},
		}},
		{"smallest", map[string]string{"GITHUB_SECRET": "test-secret-github"}, []step{
			{"signed", stored(t, "github/requests/signed.http"), 200, "push 6d1f7a52-11d4-4c0e-9f43-8c2b7f30a911"},
			{"tampered", stored(t, "github/requests/tampered-body.http"), 401, ""},
		}},
		{"stripe-github", map[string]string{"STRIPE_SECRET": "whsec_test", "GITHUB_SECRET": "test-secret-github"}, []step{
			{"Stripe", stripe(t, "whsec_test", "invoice.paid", 4200), 200, "POST /stripe invoice.paid\n"},
			{"GitHub", stored(t, "github/requests/signed.http"), 200, "POST /github push\n"},
			{"Stripe's with GitHub's secret", stripe(t, "test-secret-github", "invoice.paid", 4200), 401, ""},
			{"tampered", stored(t, "github/requests/tampered-body.http"), 401, ""},
		}},
		{"rollout", map[string]string{"STRIPE_SECRET": "whsec_test", "GITHUB_SECRET": "test-secret-github"}, []step{
			{"GitHub", stored(t, "github/requests/signed.http"), 200, "Webhook-Verified: \nPOST /github push"},
			{"GitHub, tampered", stored(t, "github/requests/tampered-body.http"), 401, ""},
			{"Stripe", stripe(t, "whsec_test", "invoice.paid", 4200), 200, "Webhook-Verified: \nPOST /stripe invoice.paid"},
			{"Stripe, with another secret", stripe(t, "test-secret-github", "invoice.paid", 4200), 200, "Webhook-Verified: false\nPOST /stripe invoice.paid"},
		}},
		{"stripe", map[string]string{"STRIPE_SECRET": "whsec_test"}, []step{
			{"large", stripe(t, "whsec_test", "invoice.paid", 1001), 200, "POST /large-invoices invoice.paid\n"},
			{"small", stripe(t, "whsec_test", "invoice.paid", 1000), 200, "POST /stripe invoice.paid\n"},
			{"failed", stripe(t, "whsec_test", "invoice.payment_failed", 0), 200, "POST /stripe invoice.payment_failed\n"},
			{"other event", stripe(t, "whsec_test", "charge.refunded", 4200), 204, ""},
			{"tampered", stripe(t, "whsec_test", "invoice.paid", 4200).but("4200", "42"), 401, ""},
		}},
		{"inspector", map[string]string{"GITHUB_SECRET": "test-secret-github"}, []step{
			{"signed", stored(t, "github/requests/signed.http"), 202, ""},
			{"tampered", stored(t, "github/requests/tampered-body.http"), 401, ""},
		}},
		{"archive", map[string]string{"GITHUB_SECRET": "test-secret-github"}, []step{
			{"signed", stored(t, "github/requests/signed.http"), 202, ""},
			{"tampered, which goes to quarantine", stored(t, "github/requests/tampered-body.http"), 401, ""},
		}},
		{"instaleap", map[string]string{"INSTALEAP_SECRET": "test-secret-instaleap"}, []step{
			{"cancelled", instaleap(t, "test-secret-instaleap", "CANCELLED"), 200, "POST /cancellations CANCELLED\n"},
			{"step", instaleap(t, "test-secret-instaleap", "PICKING_FINISHED"), 200, "POST /picking PICKING_FINISHED\n"},
			{"picking process", instaleap(t, "test-secret-instaleap", "PACKAGES_CREATED"), 200, "POST /picking PACKAGES_CREATED\n"},
			{"task", instaleap(t, "test-secret-instaleap", "PICKING_AND_STORAGE"), 200, "POST /instaleap PICKING_AND_STORAGE\n"},
			{"other event", stored(t, "instaleap/requests/signed.http"), 200, "POST /instaleap ALLOCATED\n"},
			{"tampered type", stored(t, "instaleap/requests/tampered-type.http"), 401, ""},
			{"tampered signature", stored(t, "instaleap/requests/tampered-signature.http"), 401, ""},
			// Instaleap does not sign the job. The README says so.
			{"other job", stored(t, "instaleap/requests/unsigned-job-changed.http"), 200, ""},
		}},
		{"countries", map[string]string{
			"INSTALEAP_MX_SECRET": "test-secret-instaleap", "INSTALEAP_CO_SECRET": "test-secret-co",
			"MX_CHAT_SECRET": "test-client-secret", "CO_CHAT_SECRET": "test-client-secret-co",
		}, []step{
			{"Mexico", stored(t, "instaleap/requests/signed.http").to("/mx/instaleap"), 200, "POST /mx/instaleap instaleap ALLOCATED"},
			{"Mexico's at Colombia's", stored(t, "instaleap/requests/signed.http").to("/co/instaleap"), 401, ""},
			{"fetch", tokenRequest(t, "test-client-secret").but("=instaleap", "=mexico"), 200, `"access_token":"`},
			{"fetch with the other's secret", tokenRequest(t, "test-client-secret").but("=instaleap", "=colombia"), 401, ""},
		}},
		{"replay", map[string]string{"INSTALEAP_SECRET": "test-secret-instaleap"}, []step{
			{"first", stored(t, "instaleap/requests/signed.http"), 200, "POST /instaleap 5bf7128e-c481-48fe-86fa-d0d52282dde8"},
			{"copy", stored(t, "instaleap/requests/signed.http"), 200, ""},
			{"other job", stored(t, "instaleap/requests/unsigned-job-changed.http"), 409, ""},
			{"tampered", stored(t, "instaleap/requests/tampered-type.http"), 401, ""},
		}},
		{"instaleap-token", map[string]string{"INSTALEAP_TOKEN": "test-token-instaleap"}, []step{
			{"token", stored(t, "instaleap/requests/token.http"), 200, "POST /instaleap ALLOCATED\nX-Instaleap-Token: "},
			{
				"cancelled", stored(t, "instaleap/requests/token.http").payload("instaleap/cancelled.json"), 200,
				`X-Instaleap-Token: `,
			},
			{"wrong token", stored(t, "instaleap/requests/token-wrong.http"), 401, ""},
			{"signature instead", stored(t, "instaleap/requests/signed.http"), 401, ""},
		}},
		{"instaleap-query", map[string]string{"INSTALEAP_TOKEN": "test-token-instaleap-query"}, []step{
			{"stock", stored(t, "instaleap-query/requests/token.http").to("/stock"), 200, `{"asked": "POST /stock", "quantity": 4}`},
			{"by GET", asked("/replacements?sku=00020100700000"), 200, `{"asked": "GET /replacements?sku=00020100700000", "quantity": 4}`},
			{"unknown product", asked("/replacements?sku=1"), 404, `{"error": "no such product"}`},
			{"wrong token", stored(t, "instaleap-query/requests/token-wrong.http").to("/stock"), 401, ""},
		}},
		{"instaleap-dynamic-token", map[string]string{"INSTALEAP_CLIENT_SECRET": "test-client-secret"}, []step{
			{"fetch", tokenRequest(t, "test-client-secret"), 200, `"access_token":"`},
			{"fetch with a wrong secret", tokenRequest(t, "test-secret"), 401, `{"error":"invalid_client"}`},
			{"static token", stored(t, "instaleap/requests/token.http"), 401, ""},
			{"signature instead", stored(t, "instaleap/requests/signed.http"), 401, ""},
		}},
		{"instaleap-chat", map[string]string{"INSTALEAP_TOKEN": "test-token-instaleap-chat"}, []step{
			{
				"token", stored(t, "instaleap-chat/requests/token.http"), 200,
				"POST /jobs/string/messages chat.message\n" + `{"from":"SH","text":"Hi my name is Jose"}`,
			},
			{"other sender", stored(t, "instaleap-chat/requests/token.http").but(`"SH"`, `"DRIVER"`), 200, `{"from":"DRIVER"`},
			{"wrong token", stored(t, "instaleap-chat/requests/token.http").with("X-Instaleap-Token", "test-token"), 401, ""},
			{"signature instead", stored(t, "instaleap-chat/requests/signed.http"), 401, ""},
		}},
		{"instaleap-chat-content", map[string]string{"INSTALEAP_SECRET": "test-secret-instaleap-chat"}, []step{
			{"signed", stored(t, "instaleap-chat/requests/signed.http"), 200, "POST /instaleap-chat chat.message\n"},
			{"tampered sender", stored(t, "instaleap-chat/requests/tampered-sender.http"), 401, ""},
			// built in, created_at would not be signed
			{"tampered time", stored(t, "instaleap-chat/requests/signed.http").but("00:54:27.918Z", "00:54:27.919Z"), 401, ""},
		}},
		{"jelp", map[string]string{"JELP_TOKEN": "test-token-jelp"}, []step{
			{
				"driver without phone", stored(t, "jelp/requests/token.http"), 200,
				"POST /jelp order_update:assign_driver\n" + `{"driver":"REPARTIDOR EXTERNO","order":"WS-019930","phone":null}`,
			},
			{
				"driver with phone", stored(t, "jelp/requests/token.http").payload("jelp/order_update-assign_driver-external.json"),
				200, `"phone":"`,
			},
			{
				"driver of a fleet", stored(t, "jelp/requests/token.http").payload("jelp/order_update-assign_driver-fleet.json"),
				200, `"phone":"`,
			},
			{
				"other update", stored(t, "jelp/requests/token.http").payload("jelp/order_update-comment.json"),
				200, "POST /jelp order_update:comment\n",
			},
			{
				"new order", stored(t, "jelp/requests/token.http").payload("jelp/order_new.json").to("/jelp/order-new"),
				200, "POST /jelp/order-new order_new\n",
			},
			{
				"folio", stored(t, "jelp/requests/token.http").payload("jelp/folio_update.json").to("/jelp/folio-update"),
				200, "POST /jelp/folio-update folio_update\n",
			},
			{"new order at the URL for all", stored(t, "jelp/requests/token.http").payload("jelp/order_new.json"), 200, "POST /orders order\n"},
			{"wrong token", stored(t, "jelp/requests/token-wrong.http"), 401, ""},
			{"wrong token for new orders", stored(t, "jelp/requests/token-wrong.http").to("/jelp/order-new"), 401, ""},
		}},
		{"durable", map[string]string{"JELP_TOKEN": "test-token-jelp"}, []step{
			{"update", stored(t, "jelp/requests/token.http"), 200, "POST /jelp order_update:assign_driver, attempt 1"},
			{"other", stored(t, "jelp/requests/token.http").payload("jelp/order_new.json"), 202, ""},
			{"wrong token", stored(t, "jelp/requests/token-wrong.http"), 401, ""},
		}},
		{"ordered", map[string]string{"JELP_TOKEN": "test-token-jelp"}, []step{
			{"update", stored(t, "jelp/requests/token.http"), 202, ""},
			{"another one of the order", stored(t, "jelp/requests/token.http").payload("jelp/order_update-comment.json"), 202, ""},
			{"wrong token", stored(t, "jelp/requests/token-wrong.http"), 401, ""},
		}},
		{"jelp-basic", map[string]string{"JELP_USER": "test-user", "JELP_PASSWORD": "test-password-jelp"}, []step{
			{"basic", stored(t, "jelp/requests/basic.http"), 200, "POST /jelp order_update:assign_driver\n"},
			{"wrong password", stored(t, "jelp/requests/basic-wrong.http"), 401, ""},
		}},
		{"jelp-unverified", nil, []step{
			{"from here", stored(t, "jelp/requests/token.http"), 200, "POST /jelp order_update:assign_driver\n"},
			{"get", stored(t, "jelp/requests/token.http").by("GET"), 405, ""},
		}},
		{"shippify", map[string]string{"SHIPPIFY_TOKEN": "test-token-shippify", "SHIPPIFY_CLIENT": "test-client-shippify"}, []step{
			{
				"comment", stored(t, "shippify/requests/token.http"), 200,
				"POST /deliveries/t-xyz-123/comment completed\n" + `{"at":"2024-01-08T17:27:08+00:00","comment":"test"}`,
			},
			{
				"notes without comment", stored(t, "shippify/requests/token.http").but(`{\"comment\":\"test\"}`, `{}`), 200,
				"POST /shippify completed\n",
			},
			{"notes that are no JSON", stored(t, "shippify/requests/token.http").but(`{\"comment\":\"test\"}`, `ring twice`), 200, "POST /shippify "},
			{"custom payload", stored(t, "shippify/requests/token.http").payload("shippify/custom.json"), 200, "POST /shippify completed\n"},
			{
				"failure", stored(t, "shippify/requests/token.http").payload("shippify/custom.json").but("completed", "returned"), 200,
				"POST /failures returned\n",
			},
			{"put", stored(t, "shippify/requests/put.http"), 200, "PUT /deliveries/t-xyz-123/comment "},
			{"patch", stored(t, "shippify/requests/token.http").by("PATCH"), 405, ""},
			{"one header missing", stored(t, "shippify/requests/token-one-missing.http"), 401, ""},
		}},
		{"detrack", map[string]string{"DETRACK_USER": "test-user", "DETRACK_PASSWORD": "test-password-detrack"}, []step{
			{"delivery", stored(t, "detrack/requests/basic.http").with("X-Forwarded-For", "44.236.78.196"), 200, "POST /deliveries dispatched\n"},
			{
				"collection",
				stored(t, "detrack/requests/basic.http").payload("detrack/collection.json").with("X-Forwarded-For", "52.13.202.33"),
				200, "POST /collections dispatched\n",
			},
			{
				"third failure",
				stored(t, "detrack/requests/basic.http").but(`"status": "dispatched"`, `"status": "failed"`).
					but(`"attempt": 1`, `"attempt": 3`).with("X-Forwarded-For", "44.228.138.42"),
				200, "POST /escalations failed\n",
			},
			{"wrong password", stored(t, "detrack/requests/basic-wrong.http").with("X-Forwarded-For", "44.236.78.196"), 401, ""},
			{"from elsewhere", stored(t, "detrack/requests/basic.http"), 403, ""},
			{"from a made-up address", stored(t, "detrack/requests/basic.http").with("X-Forwarded-For", "44.236.78.196, 192.0.2.1"), 403, ""},
		}},
		{"detrack-v1", map[string]string{"DETRACK_USER": "test-user", "DETRACK_PASSWORD": "test-password-detrack-v1"}, []step{
			{
				"delivery", stored(t, "detrack-v1/requests/form.http").to("/detrack/deliveries"), 200,
				"POST /deliveries/DO140213001 Delivered application/json\n{",
			},
			{"collection", stored(t, "detrack-v1/requests/form.http").to("/detrack/collections"), 200, "POST /collections/DO140213001 "},
			{"plain JSON", stored(t, "detrack-v1/requests/basic.http").to("/detrack/deliveries"), 200, "POST /deliveries/DO140213001 "},
			{"wrong password", stored(t, "detrack-v1/requests/basic-wrong.http").to("/detrack/deliveries"), 401, ""},
		}},
		{"github", map[string]string{"GITHUB_SECRET": "test-secret-github"}, []step{
			{
				"push to main", stored(t, "github/requests/signed.http"), 200,
				"POST /deploy/parcel-tracker push\nX-Commit: 3b8e5f60a7c9d1e2f3041526374859607a8b9cad",
			},
			{"ping", github(t, "test-secret-github", "ping"), 204, ""},
			{"other event", github(t, "test-secret-github", "issues"), 202, ""},
			{"tampered", stored(t, "github/requests/tampered-body.http"), 401, ""},
			{"other secret", github(t, "test-secret", "push"), 401, ""},
		}},
		{"line-items", map[string]string{"SHOP_TOKEN": "test-token-shop"}, []step{
			{"order", order(t, "test-token-shop"), 200, "POST /orders/A%2F17%26x%3D1\n{\"by_store\":[{\"skus\":[\"TEA-250\"],\"store\":\"north\"},"},
			{"fragile", order(t, "test-token-shop").but(`"gift"`, `"fragile"`), 200, "POST /fragile?order=A%2F17%26x%3D1&sku=TEA-250&sku=POT-1&sku=TEA-250\n"},
			{"small order", order(t, "test-token-shop").but(`"price": 60`, `"price": 6`), 204, ""},
			{"wrong token", order(t, "test-token"), 401, ""},
		}},
		{"custom-provider", map[string]string{"ACME_SECRET": "test-secret-acme"}, []step{
			{"paid", acme(t, "test-secret-acme", `{"id":7,"kind":"order.paid"}`, time.Now()), 200, "POST /acme acme order.paid 7\n"},
			{"other event", acme(t, "test-secret-acme", `{"id":7,"kind":"order.created"}`, time.Now()), 204, ""},
			{"tampered", acme(t, "test-secret-acme", `{"id":7,"kind":"order.paid"}`, time.Now()).but("7", "8"), 401, ""},
			{"old", acme(t, "test-secret-acme", `{"id":7,"kind":"order.paid"}`, time.Now().Add(-time.Hour)), 401, ""},
		}},
		yourProvider(t),
		{"several-ways", map[string]string{"PARCEL_SECRET": "test-secret-parcel"}, []step{
			{"new way", parcel(t, "test-secret-parcel", sha256.New, `{"parcel": 7, "paid": true}`), 200, "POST /parcel parcel.left 7"},
			{"old way", parcel(t, "test-secret-parcel", sha1.New, `{"parcel": 7, "paid": true}`), 200, "POST /parcel parcel.left 7"},
			{"not paid", parcel(t, "test-secret-parcel", sha256.New, `{"parcel": 7, "paid": false}`), 204, ""},
			{"tampered", parcel(t, "test-secret-parcel", sha256.New, `{"parcel": 7, "paid": false}`).but("false", "true"), 401, ""},
			{"a text for a boolean", parcel(t, "test-secret-parcel", sha256.New, `{"parcel": 7, "paid": true}`).but("true", `"true"`), 401, ""},
			{"another hash", parcel(t, "test-secret-parcel", sha512.New, `{"parcel": 7, "paid": true}`), 401, ""},
		}},
		{"webhook-auth", map[string]string{"GITHUB_SECRET": "test-secret-github"}, []step{
			{"push to main", stored(t, "github/requests/signed.http"), 200, "POST /deploy push"},
			{"review", github(t, "test-secret-github", "pull_request_review"), 200, "POST /review pull_request_review"},
			{"other event", github(t, "test-secret-github", "issues"), 202, ""},
			{"tampered", stored(t, "github/requests/tampered-body.http"), 401, ""},
		}},
		{"gateway", map[string]string{
			"GITHUB_SECRET": "test-secret-github", "JELP_TOKEN": "test-token-jelp",
			"APP_SECRET": "whsec_dGhlIGFwcCBrbm93cyBvbmUga2V5IG9ubHk=",
		}, []step{
			{"push", stored(t, "github/requests/signed.http"), 200, "application/cloudevents+json v1,"},
			{"other event", github(t, "test-secret-github", "issues"), 204, ""},
			{"driver", stored(t, "jelp/requests/token.http"), 200, `"sent_by":"jelp"`},
			{
				"no event", stored(t, "jelp/requests/token.http").payload("jelp/unknown.json"), 200,
				`"source":"/webhooks/jelp","type":"unknown"`,
			},
			{"tampered", stored(t, "github/requests/tampered-body.http"), 401, ""},
			{"wrong token", stored(t, "jelp/requests/token-wrong.http"), 401, ""},
		}},
		{"redact", map[string]string{"INSTALEAP_SECRET": "test-secret-instaleap"}, []step{
			{"redacted", instaleap(t, "test-secret-instaleap", "CREATED"), 200, `"phone_number": "***"`},
			{"renamed", instaleap(t, "test-secret-instaleap", "CREATED"), 200, `"order": "0000AG382N"`},
			{"kept", instaleap(t, "test-secret-instaleap", "CREATED"), 200, `"declared_value": 403.967,`},
			{"tampered", stored(t, "instaleap/requests/tampered-type.http"), 401, ""},
		}},
		{"detrack-one-shape", map[string]string{"DETRACK_USER": "test-user", "DETRACK_PASSWORD": "test-password-detrack"}, []step{
			{
				"version 2", stored(t, "detrack/requests/basic.http").to("/detrack/deliveries"), 200, "POST /jobs dispatched\n" +
					`{"at":"2022-04-11T16:18:18.034+08:00","kind":"delivery","order":"Test1","provider_event":"dispatched","status":"dispatched"}`,
			},
			{
				"collection of version 2",
				stored(t, "detrack/requests/basic.http").payload("detrack/collection.json").to("/detrack/collections"),
				200, `"kind":"collection","order":"Test1",`,
			},
			{
				"version 1", stored(t, "detrack/requests/basic.http").payload("detrack-v1/form.form").with("Content-Type", "application/x-www-form-urlencoded").to("/detrack/deliveries"), 200, "POST /jobs Delivered\n" +
					`{"at":"2014-02-13T09:30:45+08:00","kind":"delivery","order":"DO140213001","provider_event":"Delivered","status":"completed"}`,
			},
			{
				"collection of version 1", stored(t, "detrack/requests/basic.http").payload("detrack-v1/sample.json").to("/detrack/collections"),
				200, `"kind":"collection","order":"DO140213001",`,
			},
			{"wrong password", stored(t, "detrack/requests/basic-wrong.http").to("/detrack/deliveries"), 401, ""},
		}},
		{"logistics", map[string]string{
			"INSTALEAP_CLIENT_SECRET": "test-client-secret", "JELP_TOKEN": "test-token-jelp", "SHIPPIFY_TOKEN": "test-token-shippify",
			"DETRACK_USER": "test-user", "DETRACK_PASSWORD": "test-password-detrack",
			"STATUS_SECRET":  "whsec_dGhlIGFwcCBrbm93cyBvbmUga2V5IG9ubHk=",
			"ARCHIVE_SECRET": "whsec_YW5vdGhlciBhcHAgaGFzIGFub3RoZXIga2V5",
		}, []step{
			{"fetch", tokenRequest(t, "test-client-secret"), 200, `"access_token":"`},
			{"jelp", stored(t, "jelp/requests/token.http"), 200, `"order":"WS-019930","provider_event":"order_update:assign_driver","status":"scheduled"}}`},
			{"shippify", stored(t, "shippify/requests/token.http"), 200, `"order":"test1234","provider_event":"completed","status":"delivered"}}`},
			{"detrack", stored(t, "detrack/requests/basic.http").to("/detrack"), 200, `"order":"Test1","provider_event":"dispatched","status":"on_the_way"}}`},
			{
				"detrack, version 1", stored(t, "detrack/requests/basic.http").payload("detrack-v1/sample.json").to("/detrack-v1"), 200,
				`"order":"DO140213001","provider_event":"Delivered","status":"delivered"}}`,
			},
			{"static token", stored(t, "instaleap/requests/token.http").to("/instaleap/jobs"), 401, ""},
			{"wrong password", stored(t, "detrack/requests/basic-wrong.http").to("/detrack"), 401, ""},
		}},
		{"delivery-status", map[string]string{
			"JELP_TOKEN": "test-token-jelp", "SHIPPIFY_TOKEN": "test-token-shippify", "INSTALEAP_SECRET": "test-secret-instaleap",
			"APP_SECRET": "whsec_dGhlIGFwcCBrbm93cyBvbmUga2V5IG9ubHk=",
		}, []step{
			{
				"jelp", stored(t, "jelp/requests/token.http"), 200, `"source":"/webhooks/jelp","type":"delivery.status",` +
					`"time":"2024-02-09T23:17:05.073Z","datacontenttype":"application/json","data":{"at":"2024-02-09T23:17:05.073Z",` +
					`"order":"WS-019930","provider_event":"order_update:assign_driver","status":"pending"}}`,
			},
			{
				"shippify", stored(t, "shippify/requests/token.http"), 200, `{"at":"2024-01-08T17:27:08Z","order":"test1234",` +
					`"provider_event":"completed","status":"completed"}}`,
			},
			{
				"shippify, custom payload", stored(t, "shippify/requests/token.http").payload("shippify/custom.json"),
				200, `"order":"test1234","provider_event":"completed","status":"completed"}}`,
			},
			{
				"instaleap", instaleap(t, "test-secret-instaleap", "CLIENT_RECEIVED"), 200, `{"at":"2023-06-02T15:42:44Z",` +
					`"order":"0000AG382N","provider_event":"CLIENT_RECEIVED","status":"processing"}}`,
			},
			{"signature", stored(t, "jelp/requests/token.http"), 200, "\nwebhook-signature: v1,"},
			{
				"comment", stored(t, "jelp/requests/token.http").payload("jelp/order_update-comment.json"), 204, "",
			},
			{"wrong token", stored(t, "jelp/requests/token-wrong.http"), 401, ""},
			{"other token", stored(t, "shippify/requests/token.http").with("X-Webhook-Token", "test-token"), 401, ""},
			{"tampered", stored(t, "instaleap/requests/tampered-type.http"), 401, ""},
		}},
		{"access-log", map[string]string{"INSTALEAP_TOKEN": "test-token-instaleap"}, []step{
			{"token", stored(t, "instaleap/requests/token.http"), 204, ""},
			{"wrong token", stored(t, "instaleap/requests/token-wrong.http"), 401, ""},
		}},
		{"errors", map[string]string{"GITHUB_SECRET": "test-secret-github"}, []step{
			{"signed", stored(t, "github/requests/signed.http"), 204, ""},
			{"tampered", stored(t, "github/requests/tampered-body.http"), 401, `{"status": 401, "error": "bad_signature"}`},
			{"get", stored(t, "github/requests/signed.http").by("GET"), 405, `{"status": 405, "error": "method"}`},
		}},
	}
}
