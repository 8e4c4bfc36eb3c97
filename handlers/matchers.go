package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"sync/atomic"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	fromcaddyfile "github.com/caddy-webhooks/caddy-webhooks/caddyfile"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// errNotVerified is what matchers answer for a request that webhook_auth has
// not let pass. It is an error rather than false, because false would make
// "not webhook_event x" true for a request that nobody has verified.
var errNotVerified = caddyhttp.Error(http.StatusInternalServerError,
	errors.New("webhook matchers work only after webhook_auth or inside handle_webhook"))

// MatchEvent matches verified webhooks by the names or the categories of their
// events. With several, any may match. It works after `webhook_auth` only, and
// is an error elsewhere. Its JSON form is a list where nothing but names is said.
type MatchEvent struct {
	// The names of events. A star stands for any run of characters.
	Names []string `json:"names,omitempty"`

	// The groups of events that the provider's description has.
	Categories []string `json:"categories,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (MatchEvent) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.matchers.webhook_event",
		New: func() caddy.Module { return new(MatchEvent) },
	}
}

// UnmarshalCaddyfile sets up the matcher from Caddyfile tokens. Syntax:
//
//	webhook_event <pattern...>
//	webhook_event category <name...>
func (m *MatchEvent) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	for d.Next() {
		to := &m.Names
		if fromcaddyfile.IsCategory(d) {
			d.NextArg()
			to = &m.Categories
		}
		before := len(*to)
		for d.NextArg() {
			if err := fromcaddyfile.CheckEvent(d.Val(), !d.Token().Quoted()); err != nil {
				return d.Errf("webhook_event: %v", err)
			}
			*to = append(*to, d.Val())
		}
		if len(*to) == before {
			return d.Err("webhook_event needs the name of an event, a pattern such as order.*, or category and its name")
		}
		if d.NextBlock(0) {
			return d.Err("webhook_event has no block")
		}
	}
	return nil
}

// Validate refuses a matcher that could not match anything.
func (m MatchEvent) Validate() error {
	if len(m.Names) == 0 && len(m.Categories) == 0 {
		return errors.New("webhook_event needs the name of an event or of a category")
	}
	for _, pattern := range m.Names {
		if err := fromcaddyfile.CheckEvent(pattern, false); err != nil {
			return fmt.Errorf("webhook_event: %w", err)
		}
	}
	return nil
}

// MarshalJSON writes names alone as a list.
func (m MatchEvent) MarshalJSON() ([]byte, error) {
	if len(m.Categories) == 0 {
		return json.Marshal(m.Names)
	}
	type plain MatchEvent
	return json.Marshal(plain(m))
}

// UnmarshalJSON reads a list or an object.
func (m *MatchEvent) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &m.Names) == nil {
		return nil
	}
	type plain MatchEvent
	return caddy.StrictUnmarshalJSON(data, (*plain)(m))
}

// mayMatch reports whether an event has a name or a category that is asked for.
func (m *MatchEvent) mayMatch(event *route.Event) bool {
	return route.Patterns(m.Names).Match(event.Name) || event.InCategory(m.Categories)
}

// Match returns true if r is a verified webhook with one of the names, or in one
// of the categories.
func (m MatchEvent) Match(r *http.Request) bool {
	matched, err := m.MatchWithError(r)
	return err == nil && matched
}

// MatchWithError is Match, with an error where that cannot be known.
func (m MatchEvent) MatchWithError(r *http.Request) (bool, error) {
	v, ok := webhook.VerifiedOf(r)
	if !ok {
		return false, errNotVerified
	}
	event := v.Event
	if !event.MayRead("event") {
		webhook.TellUnsigned(event, "event")
		return false, caddyhttp.Error(http.StatusInternalServerError, errors.New("webhook_event failed"))
	}
	matched := m.mayMatch(event)
	if refused := v.Overloaded(r); refused != nil {
		return false, refused
	}
	event.Judge(func() route.Verdict {
		return route.Verdict{Events: m.Names, Categories: m.Categories, Matched: matched}
	})
	return matched, nil
}

// CELLibrary produces options that expose this matcher for use in CEL
// expression matchers. Example:
//
//	expression webhook_event('order.*', 'refund')
func (MatchEvent) CELLibrary(caddy.Context) (cel.Library, error) {
	return caddyhttp.CELMatcherImpl(
		"webhook_event", "webhook_event_request", []*cel.Type{cel.ListType(cel.StringType)},
		func(data ref.Val) (caddyhttp.RequestMatcherWithError, error) {
			patterns, err := data.ConvertToNative(reflect.TypeFor[[]string]())
			if err != nil {
				return nil, err
			}
			return MatchEvent{Names: patterns.([]string)}, nil
		},
	)
}

// MatchExpr matches verified webhooks by an expression
// ([expr-lang](https://expr-lang.org)) over their payload, which must give a
// boolean. It works after `webhook_auth` only, and is an error elsewhere. Its
// JSON form is a string where nothing but the expression is said.
type MatchExpr struct {
	// The expression.
	Expr string `json:"expr,omitempty"`

	// An expression that fails for a payload does not match, and is logged. By
	// default it is an error, because "not" would turn a failure into a match.
	FailAsFalse bool `json:"fail_as_false,omitempty"`

	rule     *route.Rule
	metrics  *observe.Metrics
	logger   *zap.Logger
	loggedAt *atomic.Int64 // when a failure was logged last, in Unix seconds
}

// CaddyModule returns the Caddy module information.
func (MatchExpr) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.matchers.webhook_expr",
		New: func() caddy.Module { return new(MatchExpr) },
	}
}

// MarshalJSON writes a plain expression as a string.
func (m MatchExpr) MarshalJSON() ([]byte, error) {
	if !m.FailAsFalse {
		return json.Marshal(m.Expr)
	}
	type plain MatchExpr
	return json.Marshal(plain(m))
}

// UnmarshalJSON reads a string or an object.
func (m *MatchExpr) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &m.Expr) == nil {
		return nil
	}
	type plain MatchExpr
	return caddy.StrictUnmarshalJSON(data, (*plain)(m))
}

// UnmarshalCaddyfile sets up the matcher from Caddyfile tokens. Syntax:
//
//	webhook_expr <expr>
func (m *MatchExpr) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	for d.Next() {
		if m.Expr != "" {
			return d.Err("webhook_expr is already specified; join expressions with && or ||")
		}
		source, err := fromcaddyfile.ParseRule(d)
		if err != nil {
			return err
		}
		m.Expr = source
	}
	return nil
}

// Provision compiles the expression.
func (m *MatchExpr) Provision(ctx caddy.Context) error {
	m.logger = ctx.Logger()
	m.loggedAt = new(atomic.Int64)
	var err error
	if m.metrics, err = observe.RegisterMetrics(ctx); err != nil {
		return err
	}
	if m.rule, err = route.CompileRule(m.Expr); err != nil {
		return fmt.Errorf("webhook_expr: %w", err)
	}
	return nil
}

// Match returns true if r is a verified webhook for which the rule holds.
func (m *MatchExpr) Match(r *http.Request) bool {
	matched, err := m.MatchWithError(r)
	return err == nil && matched
}

// MatchWithError returns true if r is a verified webhook for which the rule
// holds.
func (m *MatchExpr) MatchWithError(r *http.Request) (bool, error) {
	v, ok := webhook.VerifiedOf(r)
	if !ok {
		return false, errNotVerified
	}
	event := v.Event
	matched, err := m.rule.Match(event)
	event.Judge(func() route.Verdict {
		return route.Verdict{When: m.Expr, Clauses: m.rule.Explain(event), Matched: matched}
	})
	if refused := v.Overloaded(r); refused != nil {
		return false, refused
	}
	if err != nil {
		m.metrics.RuleErrors.WithLabelValues(event.Provider, event.Endpoint, route.Reason(err)).Inc()
	}
	if errors.Is(err, route.ErrAmbiguous) && (event.Refusal == nil || !m.FailAsFalse) {
		m.logFailure(event, err)
		return false, webhook.Ambiguous(r)
	}
	if err != nil && m.FailAsFalse {
		m.logFailure(event, err)
		return false, nil
	}
	if err != nil {
		m.logFailure(event, err)
		return false, caddyhttp.Error(http.StatusInternalServerError, errors.New("webhook_expr failed"))
	}
	return matched, nil
}

// failureInterval is how often the same rule's failures are logged: payloads
// that lack a field can come by the thousand.
const failureInterval = time.Minute

// logFailure tells why a rule does not match.
func (m *MatchExpr) logFailure(event *route.Event, err error) {
	now, last := event.Received.Unix(), m.loggedAt.Load()
	if now-last < int64(failureInterval.Seconds()) || !m.loggedAt.CompareAndSwap(last, now) {
		return
	}
	m.logger.Warn("a rule failed, so it does not match",
		webhook.EndpointOf(event).Field(), zap.String("event", event.Name),
		zap.String("rule", m.Expr), zap.String("reason", route.Reason(err)), zap.String("error", route.Failure(err)))
}

// CELLibrary produces options that expose this matcher for use in CEL
// expression matchers. Example:
//
//	expression webhook_expr('body.total > 100')
func (MatchExpr) CELLibrary(ctx caddy.Context) (cel.Library, error) {
	return caddyhttp.CELMatcherImpl(
		"webhook_expr", "webhook_expr_request", []*cel.Type{cel.StringType},
		func(data ref.Val) (caddyhttp.RequestMatcherWithError, error) {
			source, ok := data.(types.String)
			if !ok {
				return nil, errors.New("webhook_expr needs a string")
			}
			matcher := &MatchExpr{Expr: string(source)}
			return matcher, matcher.Provision(ctx)
		},
	)
}

// Interface guards
var (
	_ caddy.Validator                   = (*MatchEvent)(nil)
	_ caddyfile.Unmarshaler             = (*MatchEvent)(nil)
	_ caddyhttp.CELLibraryProducer      = (*MatchEvent)(nil)
	_ caddyhttp.RequestMatcherWithError = (*MatchEvent)(nil)
	_ caddy.Provisioner                 = (*MatchExpr)(nil)
	_ caddyfile.Unmarshaler             = (*MatchExpr)(nil)
	_ caddyhttp.CELLibraryProducer      = (*MatchExpr)(nil)
	_ caddyhttp.RequestMatcherWithError = (*MatchExpr)(nil)
	_ json.Marshaler                    = (*MatchExpr)(nil)
	_ json.Unmarshaler                  = (*MatchExpr)(nil)
)
