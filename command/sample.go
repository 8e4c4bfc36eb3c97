package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/caddy-webhooks/caddy-webhooks/internal/samples"
	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// sample is a webhook without credentials.
type sample struct {
	header http.Header
	body   []byte
	of     string // the event that the payload is of, if another one is wanted
}

// choice says which webhook of a provider is wanted.
type choice struct {
	samples fs.FS
	event   string // empty: that of the sample
	file    string // with the payload; empty: a built-in sample
}

// sample finds the webhook and gives it the wanted event.
func (c *choice) sample(spec *verify.Spec) (*sample, error) {
	if c.file != "" {
		content, err := os.ReadFile(c.file)
		if err != nil {
			return nil, err
		}
		given, err := samples.Parse(c.file, content)
		if err != nil {
			return nil, err
		}
		chosen := &sample{header: given.Header, body: given.Body}
		return chosen, chosen.complete(spec, c.event)
	}
	found, err := c.embedded(spec)
	if err != nil {
		return nil, err
	}
	if c.event == "" {
		return found[0], found[0].complete(spec, "")
	}
	for _, candidate := range found {
		if candidate.event(spec) == c.event {
			return candidate, candidate.complete(spec, "")
		}
	}
	found[0].of = found[0].event(spec)
	return found[0], found[0].complete(spec, c.event)
}

// embedded returns the provider's samples, the one to send by default first.
func (c *choice) embedded(spec *verify.Spec) ([]*sample, error) {
	stored, err := samples.Read(c.samples, spec.Origin())
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(stored) == 0 {
		return nil, fmt.Errorf("%w of %s", errNoSample, spec.Name)
	}
	found := make([]*sample, len(stored))
	for i, one := range stored {
		found[i] = &sample{header: one.Header, body: one.Body}
	}
	return found, err
}

// errNoSample says that a payload has to be given.
var errNoSample = errors.New("no sample is built in")

// unknownEvent says what may be meant by an event that the provider does not
// document; it is empty if it does, or documents none.
func unknownEvent(spec *verify.Spec, event string) string {
	if event == "" || len(spec.Events) == 0 || slices.Contains(spec.Events, event) {
		return ""
	}
	return fmt.Sprintf("%s documents no event %s%s", spec.Name, event, suggest.DidYouMean(event, spec.Events))
}

// event returns the name of the sample's event; empty if it has none.
func (s *sample) event(spec *verify.Spec) string {
	event, err := identify(spec, s.request(spec, &url.URL{Scheme: "http", Host: "localhost", Path: "/"}))
	if err != nil {
		return ""
	}
	return event.Name
}

// request makes an unsigned request of a sample.
func (s *sample) request(spec *verify.Spec, target *url.URL) *verify.Request {
	method := http.MethodPost
	if len(spec.Methods) > 0 && !slices.Contains(spec.Methods, method) {
		method = spec.Methods[0]
	}
	return &verify.Request{
		Method:   method,
		URL:      target,
		Header:   s.header.Clone(),
		Received: time.Now(),
		Body:     payload.New(s.body, s.header.Get("Content-Type"), spec.FormField),
	}
}

// complete adds what the provider would add to each delivery: the event's name
// and the delivery's id, where they stand in headers.
func (s *sample) complete(spec *verify.Spec, event string) error {
	if header, ok := firstHeader(spec.ID); ok && s.header.Get(header) == "" {
		s.header.Set(header, uuid.NewString())
	}
	header, inHeader := firstHeader(spec.Event)
	switch {
	case inHeader && event != "":
		s.header.Set(header, event)
		return nil
	case inHeader && s.header.Get(header) == "" && len(spec.Events) > 0:
		s.header.Set(header, spec.Events[0])
		return nil
	case event == "" || len(spec.Event) == 0:
		return nil
	}
	if path, ok := strings.CutPrefix(spec.Event[0], "body."); ok && !strings.Contains(path, "{") {
		changed, err := changeField(s.body, path, func(string) string { return event })
		s.body = changed
		return err
	}
	if s.nameByExpression(spec, event) {
		return nil
	}
	return fmt.Errorf("%s has no field for the event %s to be written to; give a payload with --payload", spec.Name, event)
}

// nameByExpression writes the event's name into a field that the provider's
// expression reads, if there is one out of which the expression then reads it.
func (s *sample) nameByExpression(spec *verify.Spec, event string) bool {
	source, ok := strings.CutPrefix(spec.Event[0], "=")
	if !ok {
		return false
	}
	expression, err := route.CompileValue(source)
	if err != nil {
		return false
	}
	for _, field := range expression.Reads() {
		path, inBody := strings.CutPrefix(field, "body.")
		if !inBody {
			continue
		}
		named := *s
		if named.body, err = changeField(s.body, path, func(string) string { return event }); err != nil {
			continue
		}
		if named.event(spec) == event {
			s.body = named.body
			return true
		}
	}
	return false
}

// firstHeader returns the header that the first of some sources reads.
func firstHeader(sources []string) (string, bool) {
	if len(sources) == 0 {
		return "", false
	}
	return strings.CutPrefix(sources[0], "header.")
}

// setID changes the delivery's id where the provider writes it: the first place
// that the sample has, or a header.
func (s *sample) setID(spec *verify.Spec, change func(old string) string) error {
	for _, source := range spec.ID {
		if inner, ok := strings.CutPrefix(source, "{"); ok { // one that is made of several
			source, _, _ = strings.Cut(inner, "}")
		}
		if header, ok := strings.CutPrefix(source, "header."); ok {
			s.header.Set(header, change(s.header.Get(header)))
			return nil
		}
		if path, ok := strings.CutPrefix(source, "body."); ok {
			if changed, err := changeField(s.body, path, change); err == nil {
				s.body = changed
				return nil
			}
		}
	}
	return fmt.Errorf("no place is known to write the id of a delivery of %s to", spec.Name)
}

// changeField replaces a text, or a number by another one, in a JSON document and
// leaves all other bytes.
func changeField(document []byte, path string, change func(string) string) ([]byte, error) {
	parsed, err := payload.ParsePath(path)
	if err != nil {
		return nil, err
	}
	var finder payload.Finder
	slot := finder.Add(parsed, false)
	spans, err := finder.Find(document)
	if err != nil {
		return nil, err
	}
	span := spans[slot]
	if !span.Found() {
		return nil, errors.New("the payload has no field " + path)
	}
	old, _ := payload.Text(span.Of(document))
	changed := change(old)
	replacement, err := json.Marshal(changed)
	if err != nil {
		return nil, err
	}
	if isNumber(span.Of(document)) && isNumber([]byte(changed)) {
		replacement = []byte(changed)
	}
	return slices.Concat(document[:span.Start], replacement, document[span.End:]), nil
}

// isNumber reports whether a JSON value is a number.
func isNumber(value []byte) bool {
	return len(value) > 0 && (value[0] == '-' || '0' <= value[0] && value[0] <= '9') && json.Valid(value)
}
