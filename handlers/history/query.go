package history

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// errQuery says that what selects events cannot be understood.
var errQuery = errors.New("wrong query")

// Bounds of a list.
const (
	defaultLimit = 100
	maxLimit     = 1000
	maxSelectors = 1 << 20 // bytes of a request's body
)

// selectorsOf returns what a request selects: by its query, or by an object in its body,
// which keeps it out of Caddy's log, where personal data do not belong.
func selectorsOf(r *http.Request) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errQuery, err)
	}
	if r.Method != http.MethodPost {
		return values, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSelectors))
	if err != nil || len(body) == 0 {
		return values, err
	}
	var object map[string]any
	if err := json.Unmarshal(body, &object); err != nil {
		return nil, fmt.Errorf("%w: the body is no JSON object: %w", errQuery, err)
	}
	for name, value := range object {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		if len(list) == 0 { // it would choose everything
			return nil, fmt.Errorf("%w: %s in the body is an empty list", errQuery, name)
		}
		for _, one := range list {
			text, ok := one.(string)
			if !ok {
				return nil, fmt.Errorf("%w: %s in the body is neither text nor a list of texts", errQuery, name)
			}
			values.Add(name, text)
		}
	}
	return values, nil
}

// filterOf makes a filter of selectors. One that is unknown is an error: a typing mistake
// must not select more than was meant.
func filterOf(values url.Values) (*archive.Filter, error) {
	filter := &archive.Filter{Limit: defaultLimit}
	var match []func(*archive.Summary) bool
	var examine []func(*archive.Record) bool
	for name, all := range values {
		value := all[0]
		if value == "" || len(all) > 1 && name != "ref" {
			return nil, fmt.Errorf("%w: %s needs one value", errQuery, name)
		}
		var err error
		switch name {
		case "ref":
			match = append(match, func(s *archive.Summary) bool { return slices.Contains(all, s.Ref) })
		case "id":
			filter.ID = value
		case "provider":
			filter.Provider = value
		case "endpoint":
			filter.Endpoint = value
		case "tenant":
			filter.Tenant = value
		case "outcome":
			filter.Outcome, err = value, checkOutcome(value)
		case "status":
			var answered func(int) bool
			answered, err = statuses(value)
			match = append(match, func(s *archive.Summary) bool {
				return answered(s.Status) || slices.ContainsFunc(s.Later, func(n archive.Note) bool { return answered(n.Status) })
			})
		case "event":
			match = append(match, func(s *archive.Summary) bool { return route.Patterns{value}.Match(s.Event) })
		case "refused":
			var refused bool
			refused, err = strconv.ParseBool(value)
			match = append(match, func(s *archive.Summary) bool { return s.Refused == refused })
		case "since":
			filter.Since, err = time.Parse(time.RFC3339, value)
		case "until":
			filter.Until, err = time.Parse(time.RFC3339, value)
		case "where":
			var where func(*archive.Record) bool
			where, err = compileWhere(value)
			examine = append(examine, where)
		case "text":
			examine = append(examine, func(r *archive.Record) bool {
				return strings.Contains(r.ID, value) || bytes.Contains(r.Body, []byte(value))
			})
		case "limit":
			if filter.Limit, err = strconv.Atoi(value); err != nil || filter.Limit < 1 || filter.Limit > maxLimit {
				err = fmt.Errorf("it is a number from 1 to %d", maxLimit)
			}
		case "before":
			filter.Before = value
		case "all":
		default:
			err = errors.New("there is no such selector")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", errQuery, name, err)
		}
	}
	if len(match) > 0 {
		filter.Match = every(match)
	}
	if len(examine) > 0 {
		filter.Examine = every(examine)
	}
	return filter, nil
}

// every reports whether all conditions hold.
func every[T any](conditions []func(T) bool) func(T) bool {
	return func(of T) bool {
		return !slices.ContainsFunc(conditions, func(holds func(T) bool) bool { return !holds(of) })
	}
}

// checkOutcome refuses what nothing ever comes to.
// statuses selects answers by their status, such as 503, or by its class, such as 5xx.
func statuses(text string) (func(status int) bool, error) {
	digits, isClass := strings.CutSuffix(text, "xx")
	first, last := 100, 599
	if isClass {
		first, last = 1, 5
	}
	wanted, err := strconv.Atoi(digits)
	if err != nil || len(text) != 3 || wanted < first || wanted > last {
		return nil, fmt.Errorf("%.40q is neither a status such as 503 nor a class of them such as 5xx", text)
	}
	return func(status int) bool { return caddyhttp.StatusCodeMatches(status, wanted) }, nil
}

func checkOutcome(outcome string) error {
	known := append([]string{archive.Delivered, archive.Dead, archive.Resent}, observe.Outcomes...)
	if slices.Contains(known, outcome) {
		return nil
	}
	return fmt.Errorf("no event comes to %.40q; it can be %s", outcome, strings.Join(known, ", "))
}

// changeFilter is the filter of a change, which must select something.
func changeFilter(values url.Values) (*archive.Filter, error) {
	filter, err := filterOf(values)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"limit", "before"} {
		if values.Has(name) {
			return nil, fmt.Errorf("%w: %s is for lists; what it leaves out would be changed, too", errQuery, name)
		}
	}
	if len(values) == 0 || values.Has("all") && (len(values) > 1 || values.Get("all") != "true") {
		return nil, fmt.Errorf("%w: nothing is chosen; give a ref, an id, a time or the like, or all=true and nothing else", errQuery)
	}
	return filter, nil
}

// compileWhere makes a condition of an expression over what rules see of an event. One for
// which it fails, as by a field that is not there, is not selected.
func compileWhere(source string) (func(*archive.Record) bool, error) {
	rule, err := route.CompileRule(source)
	if err != nil {
		return nil, err
	}
	if rule.UsesCategories() {
		return nil, errors.New("categories are not kept; write the names of events")
	}
	return func(record *archive.Record) bool {
		event, err := eventOf(record)
		if err != nil {
			return false
		}
		holds, err := rule.Match(event)
		return err == nil && holds
	}, nil
}

// eventOf returns a record as the event that rules see.
func eventOf(record *archive.Record) (*route.Event, error) {
	request, err := requestOf(record)
	if err != nil {
		return nil, err
	}
	snapshot := route.Snapshot{
		Provider: record.Provider, Endpoint: record.Endpoint, Tenant: record.Tenant, Name: record.Event, ID: record.ID,
		Timestamp: record.Received, Received: record.Received, Signed: verify.Coverage(record.Signed),
		FormField: record.FormField, Method: record.Method, URL: (*route.SnapshotURL)(request.URL),
	}
	if !record.Stated.IsZero() {
		snapshot.Timestamp = record.Stated
	}
	return snapshot.Event(request.Header, record.Body), nil
}

// requestOf reads the request of a record, as a server does.
func requestOf(record *archive.Record) (*http.Request, error) {
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(record.Head)))
	if err != nil {
		return nil, fmt.Errorf("the request of the event cannot be read: %w", err)
	}
	request.URL.Scheme, request.URL.Host = cmp.Or(record.Scheme, "http"), record.Host
	request.Body = io.NopCloser(bytes.NewReader(record.Body))
	return request, nil
}
