package command

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// kept is what the administration endpoint answers of one delivery.
func kept(number int) string {
	return fmt.Sprintf(`{"number": %d, "provider": "github", "outcome": "accepted", "id": "%d"}`, number, number)
}

// tail shows each delivery once, while Caddy does not answer, is reloaded, or
// is started anew and counts from the beginning, and ends when it is told to.
func TestTailFollows(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	// What Caddy answers, question by question; empty: it is not there.
	answers := []struct{ after, list string }{
		{"", `{"instance": "one", "deliveries": [` + kept(2) + `, ` + kept(1) + `]}`},
		{"2", `{"instance": "one", "deliveries": []}`},
		{"2", ``},
		{"2", `{"instance": "one", "deliveries": [` + kept(4) + `, ` + kept(3) + `]}`},
		{"4", `{"instance": "two", "deliveries": []}`},
		{"", `{"instance": "two", "deliveries": [` + kept(1) + `]}`},
		{"1", `{"instance": "two", "deliveries": [` + kept(2) + `]}`},
		{"2", `{"instance": "two", "forgotten": 4, "deliveries": [` + kept(5) + `]}`},
	}
	var asked atomic.Int64
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(asked.Add(1)) - 1
		if n >= len(answers) {
			interrupt()
			fmt.Fprint(w, `{"instance": "two", "deliveries": []}`)
			return
		}
		if got := r.URL.Query().Get("after"); got != answers[n].after || r.URL.Query().Get("provider") != "github" {
			t.Errorf("question %d is %s", n, r.URL)
		}
		if answers[n].list == "" {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprint(w, answers[n].list)
	}))
	defer admin.Close()
	var out, notes bytes.Buffer
	tail := &tail{out: &out, notes: &notes, admin: adminFlags{address: strings.TrimPrefix(admin.URL, "http://")}, provider: "github", lines: 10, interval: time.Millisecond}
	if code, err := tail.run(ctx); code != 0 || err != nil {
		t.Errorf("it ends with %d, %v", code, err)
	}
	var ids []string
	for line := range strings.Lines(out.String()) {
		_, id, _ := strings.Cut(line, "  id ")
		id, _, _ = strings.Cut(id, "  ")
		ids = append(ids, id)
	}
	if got := strings.Join(ids, " "); got != "1 2 3 4 1 2 5" {
		t.Errorf("it shows %s:\n%s", got, out.String())
	}
	told := notes.String()
	for _, text := range []string{"cannot reach Caddy's admin endpoint", "started anew", "more came than are kept"} {
		if strings.Count(told, text) != 1 {
			t.Errorf("it does not tell once that %s:\n%s", text, told)
		}
	}
}

// Of what came before it shows the latest only, and says so if nobody answers.
func TestTailBegins(t *testing.T) {
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"instance": "one", "deliveries": [`+kept(3)+`, `+kept(2)+`, `+kept(1)+`]}`)
	}))
	var out, notes bytes.Buffer
	tail := &tail{out: &out, notes: &notes, admin: adminFlags{address: strings.TrimPrefix(admin.URL, "http://")}, lines: 1, once: true}
	if code, err := tail.run(t.Context()); code != 0 || err != nil || strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), "id 3") {
		t.Errorf("it shows %q, %d, %v", out.String(), code, err)
	}
	admin.Close()
	if code, err := tail.run(t.Context()); code != exitUsage || err == nil {
		t.Errorf("without Caddy it ends with %d, %v", code, err)
	}
}
