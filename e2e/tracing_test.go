package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spanpb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// spanCollector takes spans as an OpenTelemetry collector does.
type spanCollector struct {
	t     *testing.T
	mu    sync.Mutex
	spans []map[string]string // the attributes of each
	raw   []*spanpb.Span
}

// collectSpans has Caddy send its spans to a collector.
func collectSpans(t *testing.T) *spanCollector {
	t.Helper()
	spans := &spanCollector{t: t}
	server := httptest.NewServer(spans)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", server.URL+"/v1/traces")
	return spans
}

func (c *spanCollector) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var export collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &export)
	}
	if err != nil {
		c.t.Errorf("reading spans: %v", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range export.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				attributes := make(map[string]string)
				for _, attribute := range span.Attributes {
					attributes[attribute.Key] = attribute.Value.GetStringValue()
				}
				c.spans, c.raw = append(c.spans, attributes), append(c.raw, span)
			}
		}
	}
}

// The span of Caddy's directive tracing tells what webhook it was.
func TestTracing(t *testing.T) {
	spans := collectSpans(t)
	srv := webhooktest.Start(t, site(`tracing {
		span hooks
	}
	handle_webhook /hook github `+testSecret+` {
		otherwise {
			respond 204
		}
	}`))
	checkStatus(t, push(srv, "{}"), 204)
	checkStatus(t, srv.Post("/hook", "{}", "X-GitHub-Event: forged"), 401)
	srv.Stop() // sends the spans

	spans.mu.Lock()
	defer spans.mu.Unlock()
	want := []map[string]string{
		{
			"webhook.provider": "github", "webhook.endpoint": "/hook", "webhook.event": "push", "webhook.outcome": "accepted",
			"webhook.id": "6d1f7a52-11d4-4c0e-9f43-8c2b7f30a911",
		},
		{"webhook.provider": "github", "webhook.endpoint": "/hook", "webhook.outcome": "missing_signature"},
	}
	if len(spans.spans) != len(want) {
		t.Fatalf("there are %d spans, want %d", len(spans.spans), len(want))
	}
	for i, span := range spans.spans {
		maps.DeleteFunc(span, func(name, _ string) bool { return len(name) < 8 || name[:8] != "webhook." })
		if !maps.Equal(span, want[i]) {
			t.Errorf("span %d has %v, want %v", i+1, span, want[i])
		}
	}
}

// The first attempt is in the trace of the request, also if that was stored first. Each
// later one has a trace of its own that is linked to the request. The app is told.
func TestTracingOfAttempts(t *testing.T) {
	for _, mode := range []string{"spool", "queue"} {
		t.Run(mode, func(t *testing.T) {
			spans := collectSpans(t)
			up := webhooktest.NewUpstream(t)
			srv := webhooktest.Start(t, site(`tracing {
				span hooks
			}
			handle_webhook /hook github `+testSecret+` {
				otherwise {
					webhook_deliver traced-`+mode+` {
						mode `+mode+`
						retry 10ms 10ms
						webhook_proxy `+up.Addr()+`
					}
				}
			}`))
			up.Answer(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Webhook-Attempt") != "3" {
					w.WriteHeader(503)
				}
			})
			checkStatus(t, push(srv, "{}"), 202)
			asked := reaches(t, up, 3)
			srv.Stop() // sends the spans

			spans.mu.Lock()
			defer spans.mu.Unlock()
			var request *spanpb.Span
			attempts := make(map[int64]*spanpb.Span)
			for _, span := range spans.raw {
				if span.Name == "hooks" {
					request = span
				}
				for _, attribute := range span.Attributes {
					if attribute.Key == "webhook.attempt" {
						attempts[attribute.Value.GetIntValue()] = span
					}
				}
			}
			if request == nil || len(attempts) != 3 {
				t.Fatalf("there are spans of %d attempts; the request's is %v", len(attempts), request)
			}
			for i, r := range asked {
				span := attempts[int64(i)+1]
				if parent := fmt.Sprintf("00-%x-%x-01", span.TraceId, span.SpanId); r.Header.Get("Traceparent") != parent {
					t.Errorf("attempt %d tells the app %s; want %s", i+1, r.Header.Get("Traceparent"), parent)
				}
				child := bytes.Equal(span.TraceId, request.TraceId) && bytes.Equal(span.ParentSpanId, request.SpanId)
				linked := len(span.Links) == 1 && bytes.Equal(span.Links[0].SpanId, request.SpanId) && len(span.ParentSpanId) == 0
				if child != (i == 0) || linked != (i > 0) {
					t.Errorf("attempt %d: child of the request %t, a trace of its own with a link to it %t", i+1, child, linked)
				}
			}
		})
	}
}
