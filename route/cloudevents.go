package route

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// CloudEvents says how a webhook becomes a CloudEvent (version 1.0).
type CloudEvents struct {
	// Attributes go into headers and the payload stays as it is (the binary
	// mode of the HTTP binding). By default both are one JSON document.
	Binary bool `json:"binary,omitempty"`

	// An expression for the attribute type. Default: the event's name.
	Type string `json:"type,omitempty"`

	// An expression for the attribute source. Default: the path
	// /webhooks/<provider>.
	Source string `json:"source,omitempty"`

	// An expression for the attribute id. Default: the delivery's id, or a hash
	// of the payload.
	ID string `json:"id,omitempty"`

	// An expression for the attribute time. Default: the event's timestamp.
	Time string `json:"time,omitempty"`

	// An expression for the attribute subject. Default: no subject.
	Subject string `json:"subject,omitempty"`
}

// cloudEventer is a CloudEvents ready for use.
type cloudEventer struct {
	binary                           bool
	kind, source, id, stamp, subject *Value
}

// cloudEvent is the JSON format of a CloudEvent.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Time            string          `json:"time,omitempty"`
	Subject         string          `json:"subject,omitempty"`
	DataContentType string          `json:"datacontenttype,omitempty"`
	Data            json.RawMessage `json:"data,omitempty"`
	DataBase64      string          `json:"data_base64,omitempty"`
}

func compileCloudEvents(spec *CloudEvents) (*cloudEventer, error) {
	c := &cloudEventer{binary: spec.Binary}
	for _, attribute := range []struct {
		name, source string
		to           **Value
	}{
		{"type", spec.Type, &c.kind},
		{"source", spec.Source, &c.source},
		{"id", spec.ID, &c.id},
		{"time", spec.Time, &c.stamp},
		{"subject", spec.Subject, &c.subject},
	} {
		if attribute.source == "" {
			continue
		}
		value, err := CompileValue(attribute.source)
		if err != nil {
			return nil, fmt.Errorf("as cloudevents: %s: %w", attribute.name, err)
		}
		*attribute.to = value
	}
	return c, nil
}

// apply brings what is to go upstream into the format.
func (c *cloudEventer) apply(out *Outcome, e *Event) error {
	made, err := c.attributes(e)
	if err != nil {
		return &lineError{"as cloudevents", err}
	}
	out.CloudEvent = true
	if c.binary {
		for _, attribute := range [][2]string{
			{"Ce-Specversion", made.SpecVersion},
			{"Ce-Id", made.ID},
			{"Ce-Source", made.Source},
			{"Ce-Type", made.Type},
			{"Ce-Time", made.Time},
			{"Ce-Subject", made.Subject},
		} {
			edit := HeaderEdit{Name: attribute[0]}
			if attribute[1] != "" {
				value := cloudEventHeader(attribute[1])
				edit.Value = &value
			}
			out.Headers = append(out.Headers, edit)
		}
		return nil
	}
	data := out.Body
	if data == nil {
		data = e.Body.Document()
	}
	if readsAsJSON(e.Body, data) {
		made.Data, made.DataContentType = data, "application/json"
	} else {
		made.DataBase64 = base64.StdEncoding.EncodeToString(e.Body.Bytes())
		made.DataContentType = e.header.Get("Content-Type")
	}
	if out.vouched != vouchedWhole {
		out.vouched = vouchedNot // any name may stand under data
		if e.MayRead("body") {
			out.vouched = vouchedWhole
		}
	}
	out.Body, err = encodeCloudEvent(made)
	out.ContentType = "application/cloudevents+json"
	return err
}

// readsAsJSON reports whether data, which a body becomes, is JSON. Nothing and blanks
// are not, nor are the fields of a form. What it takes to read it counts.
func readsAsJSON(body *payload.Body, data []byte) bool {
	if len(bytes.TrimSpace(data)) == 0 {
		return false
	}
	read := body.ReplacedBy(data, "application/json")
	defer read.Drop()
	_, err := read.Value()
	return err == nil
}

// encodeCloudEvent keeps the bytes of data: encoding/json would compact them.
func encodeCloudEvent(made *cloudEvent) ([]byte, error) {
	data := made.Data
	made.Data = nil
	envelope, err := payload.Encode(made)
	if err != nil || data == nil {
		return envelope, err
	}
	return payload.Set(envelope, payload.Path{"data"}, data)
}

// defaults sets what no expression has to say, as far as it may be read.
func (c *cloudEventer) defaults(made *cloudEvent, e *Event) error {
	if c.kind == nil {
		if err := e.checkRead("event"); err != nil {
			return err
		}
		made.Type = e.Name
	}
	if e.MayRead("id") {
		made.ID = e.ID
	}
	stamp := e.Timestamp
	if !e.MayRead("timestamp") {
		stamp = e.Received
	}
	made.Time = stamp.UTC().Format(time.RFC3339Nano)
	return nil
}

func (c *cloudEventer) attributes(e *Event) (*cloudEvent, error) {
	made := &cloudEvent{SpecVersion: "1.0", Source: "/webhooks/" + url.PathEscape(e.Provider)}
	if err := c.defaults(made, e); err != nil {
		return nil, err
	}
	for _, attribute := range []struct {
		name  string
		value *Value
		to    *string
	}{
		{"type", c.kind, &made.Type},
		{"source", c.source, &made.Source},
		{"id", c.id, &made.ID},
		{"time", c.stamp, &made.Time},
		{"subject", c.subject, &made.Subject},
	} {
		if attribute.value == nil {
			continue
		}
		text, err := attribute.value.text(e)
		if err != nil {
			return nil, &lineError{attribute.name, err}
		}
		*attribute.to = text
	}
	if made.ID == "" {
		made.ID = e.Digest()
	}
	switch {
	case made.Type == "":
		return nil, payload.Fault("the event has no name and type gives none; write a type for such events, " +
			`as in type event != "" ? event : provider`)
	case made.Source == "":
		return nil, payload.Fault("source is empty")
	}
	if made.Time != "" {
		if _, err := time.Parse(time.RFC3339, made.Time); err != nil {
			return nil, payload.Fault("time is not RFC 3339")
		}
	}
	return made, nil
}

// Digest is a name for the event that is the same whenever the same payload
// arrives from the same provider, whatever it was rewritten to: SHA-256 in hex.
func (e *Event) Digest() string {
	body := e.Body
	if e.arrived != nil {
		body = e.arrived
	}
	hasher := sha256.New()
	_, _ = hasher.Write([]byte(e.Provider + "\n" + e.Name + "\n"))
	_, _ = hasher.Write(body.Bytes())
	return hex.EncodeToString(hasher.Sum(nil))
}

// cloudEventHeader percent-encodes as the HTTP binding of CloudEvents demands.
func cloudEventHeader(text string) string {
	var out strings.Builder
	for i := range len(text) {
		if c := text[i]; c > ' ' && c <= '~' && c != '"' && c != '%' {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}
