package handlers_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/handlers"
)

// An expression is a string in JSON where nothing else is said.
func TestMatchExprJSON(t *testing.T) {
	for _, test := range []struct {
		text string
		want handlers.MatchExpr
		back string
	}{
		{`"body.a > 1"`, handlers.MatchExpr{Expr: "body.a > 1"}, `"body.a \u003e 1"`},
		{`{"expr":"true"}`, handlers.MatchExpr{Expr: "true"}, `"true"`},
		{
			`{"expr":"true","fail_as_false":true}`,
			handlers.MatchExpr{Expr: "true", FailAsFalse: true},
			`{"expr":"true","fail_as_false":true}`,
		},
	} {
		var got handlers.MatchExpr
		if err := json.Unmarshal([]byte(test.text), &got); err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		back, err := json.Marshal(got)
		if err != nil || got.Expr != test.want.Expr || got.FailAsFalse != test.want.FailAsFalse || string(back) != test.back {
			t.Errorf("%s becomes %+v and %s (%v), want %+v and %s", test.text, got, back, err, test.want, test.back)
		}
	}
	for _, text := range []string{`{"exp":"true"}`, `1`, `["true"]`, `{"expr":1}`, `{`} {
		var got handlers.MatchExpr
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is accepted as %+v", text, got)
		}
	}
}

// A matcher that can match nothing, or whose rule is none, does not load.
func TestMatchersRefuseNothing(t *testing.T) {
	if err := (handlers.MatchEvent{}).Validate(); err == nil {
		t.Error("webhook_event without a name is accepted")
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	for _, source := range []string{"", "  ", "body.a", "1", "evnt == 'x'"} {
		if err := (&handlers.MatchExpr{Expr: source}).Provision(ctx); err == nil {
			t.Errorf("the rule %q is accepted", source)
		}
	}
}

// Without a verified event a matcher says that this is an error, and to callers
// that take no error that it does not match.
func TestMatchersWithoutEvent(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	expr := &handlers.MatchExpr{Expr: "true", FailAsFalse: true}
	if err := expr.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "/", nil)
	request = caddyhttp.PrepareRequest(request, caddy.NewReplacer(), httptest.NewRecorder(), nil)
	caddyhttp.SetVar(request.Context(), "webhook", "not an event")

	for name, matcher := range map[string]interface {
		caddyhttp.RequestMatcher
		caddyhttp.RequestMatcherWithError
	}{"webhook_event": handlers.MatchEvent{Names: []string{"*"}}, "webhook_expr": expr} {
		matched, err := matcher.MatchWithError(request)
		handlerErr, ok := errors.AsType[caddyhttp.HandlerError](err)
		if matched || !ok || handlerErr.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s gives %t and %v, want an error with status 500", name, matched, err)
		}
		if matcher.Match(request) {
			t.Errorf("%s matches a request that nobody has verified", name)
		}
	}
}
