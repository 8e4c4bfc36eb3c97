package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// answering is an upstream that answers with a status, and with headers that
// the sender must not get to see with another status.
func answering(t *testing.T, status int) *webhooktest.Upstream {
	up := webhooktest.NewUpstream(t)
	up.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://elsewhere.example/")
		w.Header().Set("WWW-Authenticate", "Basic")
		w.Header().Set("X-App", "yes")
		w.Header().Set("Trailer", "X-Late")
		w.WriteHeader(status)
		if status != http.StatusNoContent && status != http.StatusNotModified {
			io.WriteString(w, "the app says")
			http.NewResponseController(w).Flush()
			io.WriteString(w, " why")
		}
		w.Header().Set("X-Late", "yes")
	})
	return up
}

func TestMapStatus(t *testing.T) {
	tests := []struct {
		line string
		app  int
		want int
	}{
		{"", 200, 200},
		{"", 204, 204},
		{"", 400, 400},
		{"", 403, 403},
		{"", 409, 409},
		{"", 422, 422},
		{"", 429, 429},
		{"", 500, 500},
		{"", 503, 503},
		{"", 301, 502},
		{"", 302, 502},
		{"", 304, 502},
		{"", 308, 502},
		{"", 401, 502},
		{"", 404, 502},
		{"", 410, 502},
		{"map_status off", 404, 404},
		{"map_status off", 302, 302},
		{"map_status 422 5xx", 422, 502},
		{"map_status 422 5xx", 503, 502},
		{"map_status 422 5xx", 404, 404},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.line, " ", test.app), func(t *testing.T) {
			up := answering(t, test.app)
			srv := webhooktest.Start(t, endpoint(up, "github test-secret", test.line))
			got := push(srv, validBody)
			up.Only()
			checkStatus(t, got, test.want)
			if test.app == test.want {
				if got.Header.Get("X-App") != "yes" || got.Header.Get("Location") == "" {
					t.Errorf("the app's headers are lost: %v", got.Header)
				}
				return
			}
			for _, name := range []string{"X-App", "Location", "WWW-Authenticate", "X-Late", "Trailer", "Via"} {
				if got.Header.Get(name) != "" {
					t.Errorf("%s: %s is left", name, got.Header.Get(name))
				}
			}
			if got.Body != "" {
				t.Errorf("the body is %q", got.Body)
			}
			entry := srv.Log.Wait(t, webhooktest.Message(
				"the app's answer is one for which providers disable an endpoint; the sender gets a 502"))
			if entry.Text("status") != fmt.Sprint(test.app) {
				t.Errorf("the log says %v", entry)
			}
		})
	}
}

// What the operator writes is meant as written; the site's own headers stay.
func TestMapStatusLeavesTheOperatorAlone(t *testing.T) {
	gone, fine := answering(t, 410), answering(t, 200)
	srv := webhooktest.Start(t, site(fmt.Sprintf(`header X-Site yes
	handle_webhook /hook github test-secret {
		on responded {
			respond gone 410
		}
		on redirected {
			redir https://example.com/ 307
		}
		on handled {
			reverse_proxy %[1]s {
				@gone status 410
				handle_response @gone {
					respond handled 404
				}
			}
		}
		on replaced {
			reverse_proxy %[2]s {
				replace_status 404
			}
		}
		on preceded {
			forward_auth %[2]s {
				uri /allowed
			}
			respond preceded 404
		}
		otherwise {
			reverse_proxy %[1]s
		}
	}`, gone.Addr(), fine.Addr())))
	for name, status := range map[string]int{
		"responded": 410, "redirected": 307, "handled": 404, "replaced": 404, "preceded": 404, "proxied": 502,
	} {
		got := event(srv, name, validBody)
		if got.Status != status || got.Header.Get("X-Site") != "yes" {
			t.Errorf("%s is answered with %d and X-Site %q, want %d", name, got.Status, got.Header.Get("X-Site"), status)
		}
	}
}

// The error routes see the 502.
func TestMapStatusInErrorRoutes(t *testing.T) {
	up := answering(t, 404)
	srv := webhooktest.Start(t, "http://:0 {\nhandle_webhook /hook github test-secret {\n otherwise {\n reverse_proxy "+up.Addr()+"\n }\n}\n"+
		"handle_errors {\n respond \"{err.status_code} {err.message} <{http.webhook.error}>\"\n}\n}")
	checkAnswer(t, push(srv, validBody), 502, "502 app_status <>")
}
