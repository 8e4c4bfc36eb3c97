package verify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// A subscription is confirmed for an allowed topic, by what AWS has signed.
func TestSNSConfirms(t *testing.T) {
	v, f := newSNS(t, &verify.Config{ConfirmSubscription: true})
	result, refused := confirmation(t, "SubscriptionConfirmation").send(t, v)
	if refused != "" || result.Handshake == nil || result.Handshake.Status != 200 || len(result.Handshake.Body) > 0 || len(result.Handshake.Header) > 0 {
		t.Errorf("%+v, %q; want an empty 200", result, refused)
	}
	f.expect(t, snsCertURL, subscribeURL)
	// SNS repeats the message until it knows of the confirmation.
	if result, refused := confirmation(t, "SubscriptionConfirmation").send(t, v); refused != "" || result.Handshake == nil {
		t.Errorf("the second time: %+v, %q", result, refused)
	}
	f.expect(t)
	for _, h := range []hook{snsMessage(t), confirmation(t, "UnsubscribeConfirmation"), snsMessage(t, "SubscribeURL", subscribeURL+"2", "Token", "t")} {
		if result, refused := h.send(t, v); refused != "" || result.Handshake != nil {
			t.Errorf("no subscription: %+v, %q; want an event", result, refused)
		}
	}
	f.expect(t)
}

// Without the word of the operator the message is an event like others.
func TestSNSConfirmsOnDemandOnly(t *testing.T) {
	v, f := newSNS(t, &verify.Config{})
	result, refused := confirmation(t, "SubscriptionConfirmation").send(t, v)
	if refused != "" || result.Handshake != nil || result.Event != "SubscriptionConfirmation" {
		t.Errorf("%+v, %q; want an event", result, refused)
	}
	f.expect(t, snsCertURL)
	for _, name := range []string{"github", "paypal", "jelp"} {
		spec, _ := verify.Builtin(name)
		config := newPreset(t, spec, spec.Credentials[0], "").receiver
		config.ConfirmSubscription = true
		if _, err := verify.New(spec, config); err == nil || !strings.Contains(err.Error(), "confirm_subscription") {
			t.Errorf("%s: %v; want an error that names confirm_subscription", name, err)
		}
	}
}

func TestSNSConfirmsNothingElse(t *testing.T) {
	const kind = "SubscriptionConfirmation"
	tests := []struct {
		name string
		hook hook
		want verify.Reason
	}{
		{"another topic", confirmation(t, kind, "TopicArn", topic+"-2"), verify.BadSignature},
		{"by another key", signSNS(t, confirmation(t, kind), keysOf("other").rsa), verify.BadSignature},
		{"URL changed", withMembers(t, confirmation(t, kind), "SubscribeURL", subscribeURL+"2"), verify.BadSignature},
		{"type changed", withMembers(t, snsMessage(t, "SubscribeURL", subscribeURL, "Token", "t"), "Type", kind), verify.Malformed},
		{"type alone changed", withMembers(t, snsMessage(t), "Type", kind), verify.Malformed},
		{"no URL", confirmation(t, kind, "SubscribeURL", "-"), verify.Malformed},
		{"empty URL", confirmation(t, kind, "SubscribeURL", ""), verify.Malformed},
	}
	for _, url := range []string{
		"http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription", "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
		"https://sns.eu-west-1.amazonaws.com.evil.example/", "https://evil.example/", "https://sns.eu-west-1.amazonaws.com@evil.example/",
		"https://user:pass@sns.eu-west-1.amazonaws.com/", "https://sns.eu-west-1.amazonaws.com:8443/", "https://sns.eu-west-1.amazonaws.com/#x",
		"https://127.0.0.1/", "https://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "/?Action=ConfirmSubscription", "%",
	} {
		tests = append(tests, struct {
			name string
			hook hook
			want verify.Reason
		}{url, confirmation(t, kind, "SubscribeURL", url), verify.Malformed})
	}
	v, f := newSNS(t, &verify.Config{ConfirmSubscription: true})
	for _, test := range tests {
		if _, got := test.hook.send(t, v); got != test.want {
			t.Errorf("%s: refused for %q; want %q", test.name, got, test.want)
		}
	}
	f.expect(t, snsCertURL)

	fresh, f := newSNS(t, &verify.Config{ConfirmSubscription: true, Tolerance: verify.Duration(time.Hour)})
	confirmation(t, kind).expect(t, fresh, verify.Stale)
	confirmation(t, kind, "Timestamp", "2024-05-14T12:00:00.000Z").expect(t, fresh, "")
	f.expect(t, snsCertURL, subscribeURL)
}

// When the confirmation fails, SNS is told, and asked again a minute later.
func TestSNSConfirmationFails(t *testing.T) {
	v, f := newSNS(t, &verify.Config{ConfirmSubscription: true})
	document := f.documents[subscribeURL]
	delete(f.documents, subscribeURL)
	h := confirmation(t, "SubscriptionConfirmation")
	h.expect(t, v, verify.Malformed)
	h.expect(t, v, verify.Malformed)
	f.expect(t, snsCertURL, subscribeURL)
	f.documents[subscribeURL] = document
	h.received = now.Add(time.Minute)
	h.expect(t, v, "")
	f.expect(t, subscribeURL)
}

// What SNS signs is text. A truth value that reads the same is none, as in the
// signed content of others.
func TestSNSMembersAreText(t *testing.T) {
	v, _ := newSNS(t, &verify.Config{})
	h := snsMessage(t, "Message", "true")
	h.expect(t, v, "")
	h.body = strings.Replace(h.body, `"Message": "true"`, `"Message": true`, 1)
	h.expect(t, v, verify.Malformed)
}

// Members are signed one after the other with line breaks between. A line
// break inside one must not make it pass for two, nor two for one.
func TestSNSLineBreaks(t *testing.T) {
	v, _ := newSNS(t, &verify.Config{})
	good := snsMessage(t, "Message", "a", "MessageId", "b", "Subject", "c")
	good.expect(t, v, "")
	tests := map[string]hook{
		"id in the message":      withMembers(t, good, "Message", "a\nMessageId\nb", "MessageId", "-"),
		"subject in the id":      withMembers(t, good, "MessageId", "b\nSubject\nc", "Subject", "-"),
		"subject in the message": withMembers(t, good, "Message", "a\nMessageId\nb\nSubject\nc", "MessageId", "-", "Subject", "-"),
		"time in the subject":    withMembers(t, good, "Subject", "c\nTimestamp\n2026-03-04T09:15:27.114Z", "Timestamp", "-"),
	}
	long := snsMessage(t, "Message", "a\nMessageId\nevil", "MessageId", "b")
	long.expect(t, v, "")
	tests["message cut"] = withMembers(t, long, "Message", "a", "MessageId", "evil\nMessageId\nb")
	for name, h := range tests {
		if _, refused := h.send(t, v); refused == "" {
			t.Errorf("%s: accepted by a signature over other members", name)
		}
	}
}

// A subject is part of what is signed in notifications only. Elsewhere anybody
// could have added it.
func TestSNSSubjectElsewhere(t *testing.T) {
	v, _ := newSNS(t, &verify.Config{})
	h := withMembers(t, confirmation(t, "SubscriptionConfirmation"), "Subject", "added by somebody")
	if _, refused := h.send(t, v); refused == "" && v.Provider().Signs("body.Subject") {
		t.Error("a subject that nobody has signed is accepted as signed")
	}
}
