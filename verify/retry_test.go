package verify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// known returns what a webhook is remembered by.
func (p *preset) known(t *testing.T, v *verify.Verifier, h hook) verify.Delivery {
	t.Helper()
	r := h.request(t, v)
	if err := v.Admit(r); err != nil {
		t.Fatal(err)
	}
	result, err := v.Verify(r)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := route.NewIdentity(v.Provider())
	if err != nil {
		t.Fatal(err)
	}
	event, err := route.NewEvent(v.Provider(), identity, r, result)
	if err != nil {
		t.Fatal(err)
	}
	delivery, err := v.Delivery(r, result.Signed, event.Name, event.ID, identity.IDSigned())
	if err != nil {
		t.Fatal(err)
	}
	return delivery
}

// signedAnew are the presets whose retries cannot be told from new deliveries:
// the time of the attempt is signed, but no id. docs/replay.md says so.
var signedAnew = []string{
	"affirm", "airship", "billit", "box", "buildkite", "calendly", "cashfree", "cloudflare-stream", "coinbase-cdp",
	"contentful", "courier", "crisp", "discord", "elevenlabs", "grafana", "hubspot-v3", "instaleap-chat", "klaviyo",
	"linear", "lovable", "mercado-pago", "ordergroove", "oura", "payzu", "rappi", "recharge", "retell", "revolut",
	"ripple-collections", "sanity", "sendgrid", "shippo", "shipstation", "sinch", "tailscale", "tiktok", "webflow",
	"zendesk", "zoom",
}

// A retry has the id of the first attempt, a new time and a new signature. It
// is the same delivery, where the provider lets that be known.
func TestPresetRetries(t *testing.T) {
	var anew []string
	signing(t, func(t *testing.T, p *preset) {
		v := p.verifier(t)
		sample := p.sample(t)
		first := p.signed(t, sample)
		sample.received = now.Add(30 * time.Second)
		retry := p.signed(t, sample)
		retry.received = now
		a, b := p.known(t, v, first), p.known(t, v, retry)
		if a.Key != b.Key {
			anew = append(anew, p.spec.Name)
		}
		if p.known(t, v, first) != a {
			t.Error("a copy is another delivery")
		}
	})
	anew = slices.Compact(anew) // of several ways
	if !slices.Equal(anew, signedAnew) {
		t.Errorf("retries are new deliveries for %q; want %q", anew, signedAnew)
	}
}

// What an alias stands for is signed as the alias is.
func TestAliasesAreSigned(t *testing.T) {
	for name, places := range map[string][]string{
		"standard-webhooks": {"id", "timestamp", "header.webhook-id", "header.Webhook-Timestamp", "body.type", "event"},
		"clerk":             {"id", "timestamp", "header.svix-id", "header.svix-timestamp"},
		"svix":              {"id", "timestamp"}, // either of two headers may hold them
		"twitch":            {"id", "timestamp", "header.Twitch-Eventsub-Message-Id"},
		"discord":           {"timestamp", "header.X-Signature-Timestamp"},
		"paypal":            {"timestamp", "header.Paypal-Transmission-Id", "header.Paypal-Transmission-Time"},
		"adyen":             {"id", "event", "body.notificationItems.0.NotificationRequestItem.eventCode", "body.notificationItems.3.NotificationRequestItem.pspReference"},
		"mandrill":          {"id", "event", "body.0.msg.email", "form.mandrill_events"},
		"instaleap":         {"id", "event", "timestamp", "body.created_at"},
		"stripe":            {"id", "event", "timestamp"},
	} {
		provider := compiled(t, name)
		for _, place := range places {
			if !provider.Signs(place) {
				t.Errorf("%s does not sign %s", name, place)
			}
		}
		for _, signed := range provider.SignedPlaces() {
			if !provider.Signs(signed) {
				t.Errorf("%s: %s is and is not signed", name, signed)
			}
		}
	}
	for name, places := range map[string][]string{
		"github":       {"id", "event", "timestamp"},
		"svix":         {"header.webhook-id", "header.svix-id"},
		"twilio":       {"form.Body", "form.From"},
		"adyen":        {"body.notificationItems.0.NotificationRequestItem.reason", "body.live", "timestamp"},
		"mercado-pago": {"id", "body.id"},
		"jelp":         {"id", "event", "timestamp"},
		"discord":      {"header.X-Other"},
	} {
		for _, place := range places {
			if compiled(t, name).Signs(place) {
				t.Errorf("%s signs %s", name, place)
			}
		}
	}
}

func compiled(t *testing.T, name string) *verify.Provider {
	t.Helper()
	spec, _ := verify.Builtin(name)
	provider, err := verify.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return provider
}

// What is dropped without another field, or can be moved to another, is not
// signed.
func TestSignedOfSegments(t *testing.T) {
	tests := []struct {
		content, field string
		want           bool
	}{
		{`[{"text":"a:{body.a};","absent":"drop"},"{method}"]`, "body.a", true},
		{`[{"text":"a:{body.a}:{body.b};","absent":"drop"},"{method}"]`, "body.a", false},
		{`[{"text":"{body.a}{body.b}","ambiguous":true},"{key}"]`, "body.a", false},
		{`["{body.a}|",{"text":"{body.b}","ambiguous":true}]`, "body.b", true},
		{`"{timestamp}.{body}"`, "header.X-T", true},
		{`"{id}.{body}"`, "header.X-ID", true},
		{`"{id}.{body}"`, "timestamp", false},
	}
	for _, test := range tests {
		spec, err := verify.ParseSpec([]byte(`{"name":"x","scheme":"hmac","signature":{"from":["header.X-S"]},
			"timestamp":{"from":["header.X-T"]},"id":["header.X-ID"],"content":` + test.content + `}`))
		if err != nil {
			t.Fatal(err)
		}
		provider, err := verify.Compile(spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := provider.Signs(test.field); got != test.want {
			t.Errorf("%s signs %s: %t", test.content, test.field, got)
		}
	}
}

// The elements of a batch are known by what is signed of each: with other
// unsigned fields, twice, or in another order they are the same delivery.
func TestDeliveryOfItems(t *testing.T) {
	spec, _ := verify.Builtin("adyen")
	p := newPreset(t, spec, "secret", "")
	v, good := p.verifier(t), p.good(t)
	first := p.known(t, v, good)
	if !first.Bound {
		t.Error("any payload may come with it")
	}
	array := mustPath(t, "notificationItems")
	var finder payload.Finder
	slot := finder.Add(array, false)
	spans, err := finder.Find([]byte(good.body))
	if err != nil {
		t.Fatal(err)
	}
	items := string(spans[slot].Of([]byte(good.body)))
	item := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(items), "["), "]")
	for name, list := range map[string]string{
		"another unsigned field": strings.Replace(items, `"NotificationRequestItem"`, `"x":1,"NotificationRequestItem"`, 1),
		"twice":                  "[" + item + "," + item + "]",
	} {
		body, err := payload.Set([]byte(good.body), array, []byte(list))
		if err != nil {
			t.Fatal(err)
		}
		h := good.clone()
		h.body = string(body)
		other := p.known(t, v, h)
		if other.Key != first.Key || other.Digest == first.Digest {
			t.Errorf("%s: one key %t, one payload %t", name, other.Key == first.Key, other.Digest == first.Digest)
		}
	}
}

// Adyen does not escape the colons of a merchant's own reference.
func TestAdyenColons(t *testing.T) {
	spec, _ := verify.Builtin("adyen")
	p := newPreset(t, spec, "secret", "")
	v := p.verifier(t)
	at := func(name string) place { return p.place("item.NotificationRequestItem." + name) }
	p.signed(t, at("merchantReference").set(t, p.sample(t), "a:b::c")).expect(t, v, "")
	r := at("pspReference").set(t, p.sample(t), "a:b").request(t, v)
	if err := verify.Sign(p.spec, p.sender, r); err == nil {
		t.Error("a pspReference with a colon can be taken for two fields")
	}
}
