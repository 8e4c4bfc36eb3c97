package webhooktest

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Log is what a Caddy has logged, as JSON from the level DEBUG up.
type Log struct {
	id      string
	mu      sync.Mutex
	text    strings.Builder
	entries []Entry
	secrets []string      // of the configurations that ran
	more    chan struct{} // closed when an entry is added
}

// Entry is a line of a log.
type Entry map[string]any

// Text returns a field as text; it is empty where the field is absent.
func (e Entry) Text(field string) string {
	if value, ok := e[field]; ok {
		return fmt.Sprint(value)
	}
	return ""
}

// Message matches the entries with a message.
func Message(text string) func(Entry) bool {
	return func(e Entry) bool { return e["msg"] == text }
}

// Access matches the lines of the access log for a path. A site writes them
// where it has the directive log.
func Access(path string) func(Entry) bool {
	return func(e Entry) bool {
		request, _ := e["request"].(map[string]any)
		return strings.HasPrefix(e.Text("logger"), "http.log.access") && request["uri"] == path
	}
}

// CaptureLog sends Caddy's own log, also that of its Caddyfile adapter, to the
// Log it returns, until the test ends. It replaces the running configuration.
func CaptureLog(t testing.TB) *Log {
	t.Helper()
	log := newLog()
	config, err := prepare([]byte("{}"), log, t.TempDir(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		t.Fatalf("loading the configuration: %v", err)
	}
	t.Cleanup(func() {
		metrics := metricsText(t)
		if err := caddy.Stop(); err != nil {
			t.Errorf("stopping Caddy: %v", err)
		}
		log.checkSecrets(t, metrics)
	})
	return log
}

// String returns all that has been logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Find returns the entries so far for which match is true.
func (l *Log) Find(match func(Entry) bool) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Entry
	for _, entry := range l.entries {
		if match(entry) {
			found = append(found, entry)
		}
	}
	return found
}

// Wait returns the first entry for which match is true. Caddy may write it
// after the client has its answer, so it is waited for.
func (l *Log) Wait(t testing.TB, match func(Entry) bool) Entry {
	t.Helper()
	return l.WaitAll(t, match, 1)[0]
}

// WaitAll returns the entries for which match is true as soon as there are n.
func (l *Log) WaitAll(t testing.TB, match func(Entry) bool, n int) []Entry {
	t.Helper()
	enough := time.After(patience)
	for {
		l.mu.Lock()
		more := l.more
		l.mu.Unlock()
		if found := l.Find(match); len(found) >= n {
			return found
		}
		select {
		case <-more:
		case <-enough:
			t.Fatalf("this was not logged; the log is:\n%s", l)
		}
	}
}

// Write adds what Caddy logs: one or more whole lines.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	for line := range strings.Lines(string(p)) {
		var entry Entry
		if json.Unmarshal([]byte(line), &entry) == nil {
			l.entries = append(l.entries, entry)
		}
	}
	close(l.more)
	l.more = make(chan struct{})
	return len(p), nil
}

// Close does nothing: a log can be read after Caddy has stopped.
func (*Log) Close() error { return nil }

func init() { caddy.RegisterModule(logWriter{}) }

// logs are all Logs of the process by their ids, by which configurations name
// them.
var logs struct {
	sync.Mutex
	byID map[string]*Log
}

func newLog() *Log {
	logs.Lock()
	defer logs.Unlock()
	if logs.byID == nil {
		logs.byID = make(map[string]*Log)
	}
	log := &Log{id: strconv.Itoa(len(logs.byID)), more: make(chan struct{})}
	logs.byID[log.id] = log
	return log
}

// writerName is the name of the log writer in configurations.
const writerName = "webhooktest"

// logWriter is the Caddy module that writes to a Log.
type logWriter struct {
	ID string `json:"id,omitempty"`
}

func (logWriter) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.logging.writers." + writerName,
		New: func() caddy.Module { return new(logWriter) },
	}
}

func (w logWriter) String() string    { return writerName + " " + w.ID }
func (w logWriter) WriterKey() string { return w.String() }

func (w logWriter) OpenWriter() (io.WriteCloser, error) {
	logs.Lock()
	defer logs.Unlock()
	log, ok := logs.byID[w.ID]
	if !ok {
		return nil, fmt.Errorf("there is no log %q", w.ID)
	}
	return log, nil
}
