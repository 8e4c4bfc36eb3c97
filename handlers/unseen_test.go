package handlers_test

import (
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/handlers"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// An endpoint answers a refusal itself only where nobody else could see its error, and
// what the sender gets does not depend on that.
func TestErrorUnseen(t *testing.T) {
	const (
		hook  = "handle_webhook /hook github secret {\n otherwise {\n respond ok\n }\n }\n"
		twice = "route /hook {\n webhook_auth github other\n webhook_auth github secret\n respond ok\n }\n"
	)
	quiet := func(config map[string]any) {
		config["logging"] = map[string]any{"logs": map[string]any{"default": map[string]any{"level": "INFO"}}}
	}
	debug := func(map[string]any) {}
	teapot := map[string]any{"routes": []any{map[string]any{"handle": []any{map[string]any{"handler": "static_response", "status_code": 418}}}}}
	for _, test := range []struct {
		name, caddyfile string
		log             webhooktest.Edit
		unseen          bool
		status          int
		body            string
	}{
		{"alone", "http://:0 {\n" + hook + "}", quiet, true, 401, ""},
		{"with an access log", "http://:0 {\n log\n" + hook + "}", quiet, true, 401, ""},
		{"beside other handlers", "http://:0 {\n vars a b\n rewrite /old /hook\n request_body {\n max_size 1MB\n }\n" + hook + "respond 404\n}", quiet, true, 401, ""},
		{"debugging", "http://:0 {\n" + hook + "}", debug, false, 401, ""},
		{"error routes", "http://:0 {\n" + hook + "handle_errors {\n respond \"{err.message}\" {err.status_code}\n }\n}", quiet, false, 401, "bad_signature"},
		{"metrics", "{\n metrics\n}\nhttp://:0 {\n" + hook + "}", quiet, false, 401, ""},
		{"intercepted answers", "http://:0 {\n intercept {\n @refused status 401\n replace_status @refused 200\n }\n" + hook + "}", quiet, false, 401, ""},
		{"changed answers", "http://:0 {\n header {\n ?X-Late yes\n defer\n }\n" + hook + "}", quiet, false, 401, ""},
		{"invoked", "&(hooks) {\n" + hook + "}\nhttp://:0 {\n invoke hooks\n}", quiet, false, 401, ""},
		{"in a handle", "http://:0 {\n handle {\n" + hook + "}\n}", quiet, true, 401, ""},
		{"errors of a subroute", "http://:0 {\n handle {\n" + hook + "}\n}", func(config map[string]any) {
			quiet(config)
			webhooktest.Set("subroute", "errors", teapot)(config)
		}, false, 418, ""},
		{"behind another endpoint", "http://:0 {\n" + twice + "}", quiet, true, 401, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := webhooktest.Start(t, test.caddyfile, test.log)
			got := srv.Post("/hook", "{}", webhooktest.GitHub("other", "push", "{}")...)
			if got.Status != test.status || got.Body != test.body || got.Header.Get("X-Late") != "" {
				t.Errorf("got %d %q %v, want %d %q", got.Status, got.Body, got.Header, test.status, test.body)
			}
			for _, endpoint := range endpoints(t) {
				if got := endpoint.ErrorUnseen(); got != test.unseen {
					t.Errorf("unseen: %t, want %t", got, test.unseen)
				}
			}
		})
	}
}

// endpoints returns those of the first server.
func endpoints(t *testing.T) []*handlers.Auth {
	t.Helper()
	app, err := caddy.ActiveContext().App("http")
	if err != nil {
		t.Fatal(err)
	}
	server := app.(*caddyhttp.App).Servers["srv0"]
	found := endpointsIn(server.Routes)
	for _, route := range server.NamedRoutes {
		found = append(found, endpointsIn(caddyhttp.RouteList{*route})...)
	}
	if len(found) == 0 {
		t.Fatal("there is no endpoint")
	}
	return found
}

func endpointsIn(routes caddyhttp.RouteList) (found []*handlers.Auth) {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			switch handler := handler.(type) {
			case *handlers.Auth:
				found = append(found, handler)
			case *caddyhttp.Subroute:
				found = append(found, endpointsIn(handler.Routes)...)
			}
		}
	}
	return found
}
