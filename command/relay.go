package command

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// inspectorPath begins the paths that are handed on, and no others.
const inspectorPath = "/webhooks/"

// sessionPath tells the page what it may do.
const sessionPath = inspectorPath + "session"

// tokenHeader holds the token of a page that changes something.
const tokenHeader = "X-Inspector-Token" //nolint:gosec // the name of a header

// changes are what a page may ask for that may write: each for one webhook, by its ref.
var changes = map[string]bool{
	"/webhooks/events/resend": true,
	"/webhooks/queue/requeue": true,
	"/webhooks/queue/retry":   true,
}

// relay hands requests of the inspector's page on to an administration endpoint. Pages
// of others get nothing: they would come under another name, or from elsewhere.
type relay struct {
	admin string
	hosts map[string]bool
	token string // that a change has to have; empty: nothing can be changed
}

func newRelay(admin string, own *net.TCPAddr, write bool) *relay {
	r := &relay{admin: admin, hosts: map[string]bool{own.String(): true, fmt.Sprintf("localhost:%d", own.Port): true}}
	if write {
		r.token = rand.Text()
	}
	return r
}

func (p *relay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	site := r.Header.Get("Sec-Fetch-Site")
	switch {
	case !p.hosts[strings.ToLower(r.Host)] || site != "" && site != "same-origin" && site != "none":
		http.Error(w, "this page is for this machine only", http.StatusForbidden)
	case !strings.HasPrefix(r.URL.Path, inspectorPath) || strings.Contains(r.URL.Path, ".."):
		http.NotFound(w, r)
	case r.Method == http.MethodPost:
		p.change(w, r)
	case r.Method != http.MethodGet:
		http.Error(w, "this page is for reading only", http.StatusMethodNotAllowed)
	case r.URL.Path == sessionPath:
		p.session(w)
	default:
		p.handOn(w, r)
	}
}

// session tells the page whether it may change something, and what this Caddy has.
func (p *relay) session(w http.ResponseWriter) {
	has := func(path string) bool {
		answer, err := adminRequest(p.admin, http.MethodGet, path, nil)
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return true
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"token": p.token, "archive": has("/webhooks/events?limit=1"), "queue": has("/webhooks/queue"),
	})
}

// change hands on what a page asks for that knows the token. A page of another site
// cannot read the token, nor set the header, nor state this origin.
func (p *relay) change(w http.ResponseWriter, r *http.Request) {
	origin, ours := strings.CutPrefix(strings.ToLower(r.Header.Get("Origin")), "http://")
	right := subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(p.token)) == 1
	query := r.URL.Query()
	switch {
	case p.token == "":
		http.Error(w, "this page is for reading only; start it with --write", http.StatusMethodNotAllowed)
	case !ours || !p.hosts[origin] || !right:
		http.Error(w, "this does not come from the page", http.StatusForbidden)
	case !changes[r.URL.Path] || len(query) != 1 || len(query["ref"]) != 1 || query.Get("ref") == "":
		http.NotFound(w, r)
	default:
		p.handOn(w, r)
	}
}

// relayed are the headers of an answer that the browser gets.
var relayed = []string{
	"Content-Type", "Content-Disposition", "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control",
}

func (p *relay) handOn(w http.ResponseWriter, r *http.Request) {
	answer, err := adminRequest(p.admin, r.Method, r.URL.RequestURI(), nil)
	if refusal, ok := errors.AsType[*adminError](err); ok {
		http.Error(w, refusal.text, refusal.status)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	for _, name := range relayed {
		if value := answer.Header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}
