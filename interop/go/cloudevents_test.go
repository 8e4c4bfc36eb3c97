package interop

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

// cloudEventModes are the words that follow "as cloudevents".
var cloudEventModes = map[string]string{"structured": "", "binary": "binary"}

// cloudEventLines are the other lines of webhook_rewrite, by the path's end.
var cloudEventLines = map[string]struct{ body, attributes string }{
	"plain": {},
	"attributes": {attributes: "type `\"com.github.\" + event`\n" +
		"source `body.repository.html_url`\n" +
		"id `body.after`\n" +
		"time `body.head_commit.timestamp`\n" +
		"subject `body.ref`\n"},
	"edited":  {body: "set note `\"geändert 漢字\"`"},
	"rebuilt": {body: "body `{branch: body.ref, size: body.size}`"},
}

func cloudEventPath(mode, name string) string { return "/cloudevents/" + mode + "/" + name }

func cloudEventRoutes() map[string]string {
	routes := make(map[string]string)
	for mode, word := range cloudEventModes {
		for name, lines := range cloudEventLines {
			routes[cloudEventPath(mode, name)] = "webhook_rewrite {\n" + lines.body + "\nas cloudevents " + word + " {\n" + lines.attributes + "}\n}"
		}
	}
	return routes
}

// cloudEventTrial is a webhook of GitHub and the event that the SDK must read.
type cloudEventTrial struct {
	name       string
	lines      string // of cloudEventLines
	noDelivery bool
	typ        string // default: application/json
	body       string

	wantType    string // default: push
	wantSource  string // default: /webhooks/github
	wantID      string // default: GitHub's; unchecked without one
	wantSubject string
	wantTime    string // default: when it was sent
	wantData    string // default: body

	// What the event says of its data. Only data in a JSON document lose their
	// own encoding.
	wantDataType, wantBinaryDataType, wantBinaryData string
}

const pushPayload = `{
	"ref": "refs/heads/größe-漢字 100% \"fertig\" 😀",
	"after": "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c",
	"size": 12345678901234567890, "rate": 1.10, "text": "<\u00e9 & \ud83d\ude00>",
	"repository": {"html_url": "https://github.com/octo/hello"},
	"head_commit": {"timestamp": "2026-01-02T03:04:05.678+01:00"}
}`

const pushForm = "payload=%7B%22ref%22%3A%22gr%C3%B6%C3%9Fe+50%25%22%7D"

var cloudEventTrials = []cloudEventTrial{
	{name: "plain", body: pushPayload},
	{name: "type with a charset", typ: "application/json; charset=utf-8", body: pushPayload, wantBinaryDataType: "application/json; charset=utf-8"},
	{
		name: "attributes from the payload", lines: "attributes", body: pushPayload,
		wantType: "com.github.push", wantSource: "https://github.com/octo/hello",
		wantID:      "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c",
		wantSubject: `refs/heads/größe-漢字 100% "fertig" 😀`,
		wantTime:    "2026-01-02T03:04:05.678+01:00",
	},
	{name: "edited", lines: "edited", body: `{"n": 1.10, "ä":"ö"}`, wantData: `{"n": 1.10, "ä":"ö","note":"geändert 漢字"}`},
	{name: "rebuilt", lines: "rebuilt", body: `{"ref": "größe", "size": 12345678901234567890}`, wantData: `{"branch":"größe","size":12345678901234567890}`},
	{name: "no delivery id", noDelivery: true, body: pushPayload},
	{name: "array", body: `[1, {"ü": null}]`},
	{name: "text in JSON", body: `"漢字"`},
	{name: "null", body: `null`},
	{name: "no body"},
	{
		name: "form", typ: formType, body: pushForm, wantData: `{"ref":"größe 50%"}`,
		wantBinaryData: pushForm, wantBinaryDataType: formType,
	},
	{
		name: "no JSON", typ: "text/plain; charset=utf-8", body: "Grüße, 世界!\r\n",
		wantDataType: "text/plain; charset=utf-8", wantBinaryDataType: "text/plain; charset=utf-8",
	},
	{
		name: "no text", typ: "application/octet-stream", body: "\x00\xff\xfe{",
		wantDataType: "application/octet-stream", wantBinaryDataType: "application/octet-stream",
	},
}

func TestCloudEvents(t *testing.T) {
	for mode := range cloudEventModes {
		for _, trial := range cloudEventTrials {
			t.Run(mode+" "+trial.name, func(t *testing.T) { trial.run(t, mode) })
		}
		t.Run(mode+" ids without a delivery id", func(t *testing.T) { testCloudEventDigests(t, mode) })
	}
}

func (trial cloudEventTrial) run(t *testing.T, mode string) {
	delivery := githubDelivery
	if trial.noDelivery {
		delivery = ""
	}
	m := fromGitHub(cloudEventPath(mode, or(trial.lines, "plain")), delivery, or(trial.typ, "application/json"), trial.body)
	before := time.Now()
	got := readCloudEvent(t, mode, m.send(t).requireMade(t))
	after := time.Now()

	data, dataType := or(trial.wantData, trial.body), or(trial.wantDataType, "application/json")
	if mode == "binary" {
		data, dataType = or(trial.wantBinaryData, data), or(trial.wantBinaryDataType, dataType)
	}
	for _, c := range []struct{ what, got, want string }{
		{"version", got.SpecVersion(), "1.0"},
		{"type", got.Type(), or(trial.wantType, "push")},
		{"source", got.Source(), or(trial.wantSource, "/webhooks/github")},
		{"subject", got.Subject(), trial.wantSubject},
		{"content type", got.DataContentType(), dataType},
		{"data", string(got.Data()), data},
	} {
		if c.got != c.want {
			t.Errorf("%s is %q; want %q", c.what, c.got, c.want)
		}
	}
	if want := or(trial.wantID, delivery); want != "" && got.ID() != want {
		t.Errorf("id is %q; want %q", got.ID(), want)
	}
	if len(got.Extensions()) > 0 {
		t.Errorf("there are extensions: %q", got.Extensions())
	}
	if trial.wantTime == "" {
		if got.Time().Before(before) || got.Time().After(after) {
			t.Errorf("time is %s; want one from %s to %s", got.Time(), before, after)
		}
	} else if want, err := time.Parse(time.RFC3339, trial.wantTime); err != nil || !got.Time().Equal(want) {
		t.Errorf("time is %s; want %s", got.Time(), trial.wantTime)
	}
}

// readCloudEvent reads by the SDK what the app got. In headers the HTTP binding
// of CloudEvents (section 3.1.3.2) has what is not printable ASCII encoded;
// the SDK leaves it to its user to decode that.
func readCloudEvent(t *testing.T, mode string, m message) *event.Event {
	t.Helper()
	inHeaders := m.header.Get("Ce-Specversion") == "1.0"
	if inHeaders != (mode == "binary") {
		t.Errorf("the event in mode %s has the headers %q", mode, m.header)
	}
	e, err := cehttp.NewEventFromHTTPRequest(m.request())
	if err != nil {
		t.Fatalf("the SDK cannot read %q: %v", m.body, err)
	}
	if err := e.Validate(); err != nil {
		t.Errorf("the SDK finds the event invalid: %v", err)
	}
	if mode == "binary" && e.Subject() != "" {
		if strings.Trim(e.Subject(), printable) != "" {
			t.Errorf("the header of the subject is %q", e.Subject())
		}
		subject, err := url.PathUnescape(e.Subject())
		if err != nil {
			t.Fatal(err)
		}
		e.SetSubject(subject)
	}
	return e
}

// printable is what may stand in the headers of an event.
var printable = func() string {
	var all strings.Builder
	for c := '!'; c <= '~'; c++ {
		if c != '"' {
			all.WriteRune(c)
		}
	}
	return all.String()
}()

// A retry has the id of the first attempt, another payload has another one.
func testCloudEventDigests(t *testing.T, mode string) {
	id := func(body string) string {
		m := fromGitHub(cloudEventPath(mode, "plain"), "", "application/json", body)
		return readCloudEvent(t, mode, m.send(t).requireMade(t)).ID()
	}
	first := id(`{"ü":1}`)
	if again := id(`{"ü":1}`); again != first {
		t.Errorf("the retry of %q is %q", first, again)
	}
	if other := id(`{"ü":2}`); other == first {
		t.Errorf("two payloads are both %q", first)
	}
}

func or(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
