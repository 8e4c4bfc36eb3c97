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

	"github.com/google/uuid"

	"github.com/caddy-webhooks/caddy-webhooks/internal/samples"
	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// sample is a webhook without credentials.
type sample struct {
	header http.Header
	body   []byte
}

// sample finds the webhook to send and gives it the wanted event.
func (s *sender) sample(spec *verify.Spec) (*sample, error) {
	if s.payloadFile != "" {
		content, err := os.ReadFile(s.payloadFile)
		if err != nil {
			return nil, err
		}
		given, err := samples.Parse(s.payloadFile, content)
		if err != nil {
			return nil, err
		}
		chosen := &sample{header: given.Header, body: given.Body}
		return chosen, chosen.complete(spec, s.event)
	}
	found, err := s.embedded()
	if err != nil {
		return nil, err
	}
	chosen := found[0]
	if s.event != "" {
		for _, candidate := range found {
			if name, err := candidate.event(spec); err == nil && name == s.event {
				return candidate, candidate.complete(spec, "")
			}
		}
	}
	return chosen, chosen.complete(spec, s.event)
}

// embedded returns the provider's samples, the one to send by default first.
func (s *sender) embedded() ([]*sample, error) {
	stored, err := samples.Read(s.samples, s.provider)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(stored) == 0 {
		return nil, fmt.Errorf("no sample of %s is built in; give one with --payload", s.provider)
	}
	found := make([]*sample, len(stored))
	for i, one := range stored {
		found[i] = &sample{header: one.Header, body: one.Body}
	}
	return found, err
}

// event returns the name of the sample's event.
func (s *sample) event(spec *verify.Spec) (string, error) {
	provider, err := verify.Compile(spec)
	if err != nil {
		return "", err
	}
	request := s.request(spec, &url.URL{Scheme: "http", Host: "localhost", Path: "/"})
	result, err := provider.Identify(request)
	if err != nil {
		return "", err
	}
	identity, err := route.NewIdentity(provider)
	if err != nil {
		return "", err
	}
	event, err := route.NewEvent(provider, identity, request, result)
	if err != nil {
		return "", err
	}
	return event.Name, nil
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
		if name, err := named.event(spec); err == nil && name == event {
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

// changeField replaces a text in a JSON document and leaves all other bytes.
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
	replacement, err := json.Marshal(change(old))
	if err != nil {
		return nil, err
	}
	return slices.Concat(document[:span.Start], replacement, document[span.End:]), nil
}
