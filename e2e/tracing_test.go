package e2e_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// spanCollector takes spans as an OpenTelemetry collector does.
type spanCollector struct {
	t     *testing.T
	mu    sync.Mutex
	spans []map[string]string // the attributes of each
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
				c.spans = append(c.spans, attributes)
			}
		}
	}
}

// The span of Caddy's directive tracing tells what webhook it was.
func TestTracing(t *testing.T) {
	spans := &spanCollector{t: t}
	server := httptest.NewServer(spans)
	defer server.Close()
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", server.URL+"/v1/traces")
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
