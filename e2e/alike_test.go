package e2e_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// ways are the directives by which a verified webhook goes to an app, which do the
// same: the handler webhook_forward, and reverse_proxy with each of two transports.
func ways(upstreams string) map[string]string {
	return map[string]string{
		"webhook_forward": "webhook_proxy " + upstreams,
		"webhook":         "webhook_proxy " + upstreams + " {\nlb_policy random\n}",
		"http":            "reverse_proxy " + upstreams,
	}
}

// scenario is an exchange that is the same whichever way a webhook goes to the app.
type scenario struct {
	options string   // of the server
	lines   []string // of the request's head
	body    string   // of the request
	chunked string   // if it is sent in chunks: its trailers
	target  string   // default: /hook
	proto   string   // default: HTTP/1.1

	answer []string                                   // what the app writes; default: ok
	app    func(conn net.Conn, request *http.Request) // how it does that, if it matters
	early  bool                                       // it does not read the body
	down   bool                                       // it takes no connections
	leaves bool                                       // the sender does not wait for the answer
	until  string                                     // but for this part of the answer only
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"

// seen is all that can be seen of an exchange.
type seen struct {
	request string   // as it reaches the app, byte for byte
	answers []string // as they reach the sender
	log     []string
}

// app is an upstream that keeps the bytes that reach it.
type app struct {
	net.Listener
	mu       sync.Mutex
	received []string
	serving  sync.WaitGroup
	asked    chan struct{} // gets something for each request
}

func startApp(t *testing.T, s *scenario) *app {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &app{Listener: listener, asked: make(chan struct{}, 10)}
	if s.down {
		listener.Close()
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			a.mu.Lock() // a WaitGroup's first Go must come before Wait for the race detector, too
			a.serving.Go(func() { a.serve(conn, s) })
			a.mu.Unlock()
		}
	}()
	return a
}

func (a *app) serve(conn net.Conn, s *scenario) {
	defer conn.Close()
	var wire bytes.Buffer
	request, err := http.ReadRequest(bufio.NewReaderSize(io.TeeReader(conn, &wire), 1))
	if err == nil && !s.early {
		_, _ = io.Copy(io.Discard, request.Body)
	}
	received := wire.String()
	if s.early { // how much of the body there is by now is a matter of luck
		received, _, _ = strings.Cut(received, "\r\n\r\n")
	}
	a.mu.Lock()
	a.received = append(a.received, received)
	a.mu.Unlock()
	if err != nil {
		return
	}
	a.asked <- struct{}{}
	if s.app != nil {
		s.app(conn, request)
		return
	}
	answer := s.answer
	if answer == nil {
		answer = []string{ok}
	}
	for _, part := range answer {
		_, _ = io.WriteString(conn, part)
	}
}

func (a *app) take() string {
	a.mu.Lock()
	serving := &a.serving
	a.mu.Unlock()
	serving.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	received := strings.Join(a.received, "\n---\n")
	a.received = nil
	return received
}

// send sends the request of a scenario.
func (s *scenario) send(conn net.Conn) {
	target, proto := s.target, s.proto
	if target == "" {
		target = "/hook"
	}
	if proto == "" {
		proto = "HTTP/1.1"
	}
	lines := append([]string{"POST " + target + " " + proto, "Host: hooks.example:8443"}, webhooktest.GitHub(testSecret, "push", s.body)...)
	if proto == "HTTP/1.0" {
		lines = slices.Delete(lines, 1, 2)
	}
	if !slices.ContainsFunc(s.lines, func(line string) bool { return strings.HasPrefix(line, "Connection:") }) {
		lines = append(lines, "Connection: close")
	}
	lines = append(lines, s.lines...)
	body := s.body
	if s.chunked != "" {
		lines = append(lines, "Content-Type: text/plain", "Transfer-Encoding: chunked")
		body = fmt.Sprintf("%x\r\n%s\r\n0\r\n%s\r\n", len(body), body, s.chunked)
	} else {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	_, _ = io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"+body)
}

// site is a site that takes the scenario's request in one of the ways.
func (s *scenario) site(way string) string {
	var told []string
	for _, name := range placeholders {
		told = append(told, "log_append rp_"+strings.ReplaceAll(name, ".", "_")+" {http.reverse_proxy."+name+"}")
	}
	return "{\n servers {\n" + s.options + "\n}\n}\n" + site(strings.Join(told, "\n")+`
	handle_webhook /hook github `+testSecret+` {
		max_size 6MiB
		otherwise {
			`+way+`
		}
	}`)
}

// placeholders are those of reverse_proxy that logs use.
var placeholders = []string{
	"upstream.address", "upstream.hostport", "upstream.host", "upstream.port", "upstream.requests", "upstream.max_requests",
	"upstream.fails", "upstream.latency", "upstream.latency_ms", "upstream.duration", "upstream.duration_ms",
	"duration", "duration_ms", "retries", "status_code", "status_text", "header.X-Answer", "header.X-None",
}

// run has the exchange take place in one of the ways.
func (s *scenario) run(t *testing.T, way string, a *app) seen {
	t.Helper()
	srv := webhooktest.Start(t, s.site(way), logAt("INFO"))
	conn := srv.Dial()
	sent := make(chan struct{})
	go func() { // the answer may come before the end of the body
		defer close(sent)
		s.send(conn)
	}()
	var answers []string
	switch {
	case s.until != "":
		readUntil(t, conn, s.until)
	case s.leaves:
		<-a.asked
	default:
		answers = readAnswers(conn)
	}
	conn.Close()
	<-sent
	srv.Log.Wait(t, func(e webhooktest.Entry) bool { return strings.HasPrefix(e.Text("logger"), "http.log.access") })
	return seen{a.take(), answers, logged(srv.Log)}
}

// readUntil reads from a connection until it has seen a text.
func readUntil(t *testing.T, conn io.Reader, text string) {
	t.Helper()
	var read bytes.Buffer
	for part := make([]byte, 1000); !strings.Contains(read.String(), text); {
		n, err := conn.Read(part)
		if err != nil {
			t.Fatalf("%v after %q", err, read.String())
		}
		read.Write(part[:n])
	}
}

// readAnswers reads all answers that arrive at a connection, to its end.
func readAnswers(conn io.Reader) (answers []string) {
	reader := bufio.NewReader(conn)
	for {
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				answers = append(answers, err.Error())
			}
			return answers
		}
		body, err := io.ReadAll(answer.Body)
		if answer.Header.Get("Date") != "Mon, 01 Jan 2001 00:00:00 GMT" {
			answer.Header.Set("Date", fmt.Sprint(len(answer.Header["Date"]))) // how many there are
		}
		answers = append(answers, fmt.Sprint(answer.Status, "\n", answer.ContentLength, answer.TransferEncoding, answer.Close, "\n",
			lines(answer.Header), "\n", string(body), "\n", lines(answer.Trailer), "\n", err))
	}
}

func lines(header http.Header) string {
	var text strings.Builder
	_ = header.Write(&text)
	return text.String()
}

// volatile are the fields of log entries that are never twice the same.
var volatile = []string{"ts", "err_id", "err_trace", "remote_port"}

var took = regexp.MustCompile(`(duration|latency)(_ms)?$`)

// logged is what a Caddy has logged of an exchange.
func logged(log *webhooktest.Log) (entries []string) {
	for _, entry := range log.Find(func(e webhooktest.Entry) bool {
		return strings.HasPrefix(e.Text("logger"), "http.log") || strings.HasPrefix(e.Text("logger"), "http.handlers")
	}) {
		if entry["msg"] == "aborting with incomplete response" { // what ways show of headers is another test's
			delete(entry["request"].(map[string]any), "headers")
		}
		clean(entry)
		text, _ := json.Marshal(entry)
		entries = append(entries, strings.ReplaceAll(string(text), "http.handlers.reverse_proxy", "http.handlers.webhook_forward"))
	}
	slices.Sort(entries)
	return entries
}

// clean removes from a log entry what is never twice the same.
func clean(entry map[string]any) {
	for name, value := range entry {
		switch value := value.(type) {
		case map[string]any:
			clean(value)
		default:
			if took.MatchString(name) && value != "" {
				entry[name] = "some time"
			}
		}
		if slices.Contains(volatile, name) {
			delete(entry, name)
		}
	}
}

// Whatever comes from a sender or an app, a webhook_proxy without a block does what
// reverse_proxy does: the app gets the same bytes, the sender the same answer, and
// the log says the same.
func TestForwardDoesWhatReverseProxyDoes(t *testing.T) {
	for name, s := range scenarios() {
		t.Run(name, func(t *testing.T) {
			a := startApp(t, s)
			all := ways(a.Addr().String())
			want := s.run(t, all["http"], a)
			delete(all, "http")
			for _, way := range slices.Sorted(maps.Keys(all)) {
				checkSeen(t, way, s.run(t, all[way], a), want)
			}
		})
	}
}

func checkSeen(t *testing.T, way string, got, want seen) {
	t.Helper()
	if got.request != want.request {
		t.Errorf("%s: the app gets\n%.2000s\nwant\n%.2000s", way, got.request, want.request)
	}
	if !slices.Equal(got.answers, want.answers) {
		t.Errorf("%s: the sender gets\n%.2000s\nwant\n%.2000s", way, strings.Join(got.answers, "\n"), strings.Join(want.answers, "\n"))
	}
	if !slices.Equal(got.log, want.log) {
		t.Errorf("%s: the log has\n%s\nwant\n%s", way, strings.Join(got.log, "\n"), strings.Join(want.log, "\n"))
	}
}

// trustSenders are a server's options with which it trusts what senders say of those
// before them.
const trustSenders = "trusted_proxies static 127.0.0.0/8"

// scenarios are all the exchanges.
func scenarios() map[string]*scenario {
	all := make(map[string]*scenario)
	maps.Copy(all, requestScenarios())
	maps.Copy(all, answerScenarios())
	for _, s := range all {
		if s.body == "" {
			s.body = `{"ref":"main"}`
		}
	}
	all["no body"] = &scenario{}
	return all
}

func requestScenarios() map[string]*scenario {
	spoofed := []string{
		"X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: 10.0.0.2, 10.0.0.3", "X-Forwarded-Proto: gopher",
		"X-Forwarded-Proto: https", "X-Forwarded-Host: a.example", "X-Forwarded-Host: b.example",
	}
	blank := []string{"X-Forwarded-For: ", "X-Forwarded-Proto: ", "X-Forwarded-Host: "}
	hops := []string{
		"Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eA==", "Proxy-Authenticate: Basic",
		"Trailer: X-Sum", "Alt-Svc: h2", "Upgrade: h2c",
	}
	return map[string]*scenario{
		"plain":                    {},
		"many parts":               {body: `{"a":"` + strings.Repeat("x", 100_000) + `"}`},
		"chunked":                  {chunked: "\r\n"},
		"chunked, with trailers":   {chunked: "X-Sum: 1\r\nWebhook-Event: forged\r\n\r\n", lines: []string{"Trailer: X-Sum"}},
		"asks for the continuance": {lines: []string{"Expect: 100-continue"}},
		"HTTP/1.0":                 {proto: "HTTP/1.0"},
		"target with an origin":    {target: "http://elsewhere.example/hook?a=b"},
		"query":                    {target: "/hook?a=%2F..&b=1;2&c=%zz"},
		"forwarded, not trusted":   {lines: spoofed},
		"forwarded, trusted":       {lines: spoofed, options: trustSenders},
		"trusted, says nothing":    {options: trustSenders},
		"trusted, blank":           {lines: blank, options: trustSenders},
		"blank, not trusted":       {lines: blank},
		"hop by hop":               {lines: hops},
		"trailers are of use":      {lines: []string{"TE: gzip, trailers"}},
		"trailers are named":       {lines: []string{"TE: trailers", "Connection: te, close"}},
		"codings":                  {lines: []string{"TE: gzip"}},
		"names headers":            {lines: []string{"Connection: close, X-Inner, Host, Content-Length, X-Forwarded-For, Via", "X-Inner: 1", "X-Outer: 2", "Via: 1.0 a"}},
		"via":                      {lines: []string{"Via: 1.0 fred", "Via: 1.1 p.example"}},
		"agent":                    {lines: []string{"User-Agent: hookshot/1"}},
		"no agent's name":          {lines: []string{"User-Agent: "}},
		"takes compressed":         {lines: []string{"Accept-Encoding: br, gzip"}},
		"odd headers":              {lines: []string{"x_under: 1", "x-lower: 2", "X-Twice: 1", "x-twice: 2", "X-Bytes: \xfc\t\xff", "X-Empty:", "Incremental: ?1", "Early-Data: 1", "Cookie: a=b", "Authorization: Bearer x"}},
	}
}

// date is that of answers that have one.
const date = "Date: Mon, 01 Jan 2001 00:00:00 GMT\r\n"

func answerScenarios() map[string]*scenario {
	long := strings.Repeat("0123456789abcdef", 200_000)
	head := func(status string, lines ...string) string {
		return "HTTP/1.1 " + status + "\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
	}
	empty := "Content-Length: 0"
	return map[string]*scenario{
		"with date and server":    {answer: []string{"HTTP/1.1 200 OK\r\n" + date + "Server: app/1\r\nX-Answer: a\r\nX-Answer: b\r\nContent-Length: 2\r\n\r\nok"}},
		"cookies, and a via":      {answer: []string{head("201 Made", empty, "Set-Cookie: a=1", "Set-Cookie: b=2", "Via: 1.1 inner")}},
		"hop by hop answer":       {answer: []string{head("200 OK", empty, "Connection: X-Inner, close", "X-Inner: 1", "Keep-Alive: x", "Proxy-Authenticate: Basic", "Alt-Svc: h2", "Upgrade: h2c", "TE: x")}},
		"trailers":                {answer: []string{head("200 OK", "Content-Type: text/plain", "Transfer-Encoding: chunked", "Trailer: X-Sum"), "2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"}},
		"trailers not announced":  {answer: []string{head("200 OK", "Content-Type: text/plain", "Transfer-Encoding: chunked", "Trailer: X-Sum"), "2\r\nok\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n"}},
		"interim answers":         {answer: []string{head("103 Early Hints", "Link: </a>", "Connection: X-Inner", "X-Inner: 1"), head("102 Processing"), head("103 Early Hints", "Link: </b>"), ok}},
		"no content":              {answer: []string{head("204 No Content", "X-Answer: a")}},
		"not modified":            {answer: []string{head("304 Not Modified", "Content-Length: 10", "Etag: \"a\"")}},
		"not found":               {answer: []string{head("404 Not Found", "Content-Length: 3"), "no\n"}},
		"failure":                 {answer: []string{head("503 Not Now", empty, "Retry-After: 3")}},
		"to the connection's end": {answer: []string{"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nX-Answer: a\r\n\r\n", long[:1000]}},
		"events":                  {answer: []string{head("200 OK", "Content-Type: text/event-stream; charset=utf-8", "Content-Length: 9"), "data: a\n\n"}},
		"incremental":             {answer: []string{head("200 OK", "Content-Type: text/plain", "Incremental: ?1", "Content-Length: 2"), "ok"}},
		"compressed":              {answer: []string{head("200 OK", "Content-Encoding: gzip", fmt.Sprintf("Content-Length: %d", len(zipped("hello")))), zipped("hello")}},
		"long":                    {answer: []string{head("200 OK", fmt.Sprintf("Content-Length: %d", len(long))), long}},
		"long, in chunks":         {answer: []string{head("200 OK", "Content-Type: text/plain", "Transfer-Encoding: chunked"), fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(long), long)}},
		"long, broken off":        {answer: []string{head("200 OK", fmt.Sprintf("Content-Length: %d", len(long))), long[:1000]}},
		"in chunks, broken off":   {answer: []string{head("200 OK", "Content-Type: text/plain", "Transfer-Encoding: chunked"), "2\r\nok\r\n"}},
		"too short":               {answer: []string{head("200 OK", "Content-Length: 10"), "ok"}},
		"no answer":               {answer: []string{}},
		"half an answer's head":   {answer: []string{"HTTP/1.1 200 OK\r\nX-Ans"}},
		"no HTTP":                 {answer: []string{"SSH-2.0-OpenSSH_9.9\r\n"}},
		"two lengths":             {answer: []string{head("200 OK", "Content-Length: 2", "Content-Length: 3"), "ok?"}},
		"a line in a header":      {answer: []string{"HTTP/1.1 200 OK\r\nX-Answer: a\nX-Forged: b\r\nContent-Length: 0\r\n\r\n"}},
		"reset":                   {app: func(conn net.Conn, _ *http.Request) { _ = conn.(*net.TCPConn).SetLinger(0) }},
		"down":                    {down: true},
		"sender leaves":           {leaves: true, app: func(conn net.Conn, _ *http.Request) { _, _ = conn.Read(make([]byte, 1)) }},
		"sender leaves in the middle": {until: "ok", app: func(conn net.Conn, _ *http.Request) {
			_, _ = io.WriteString(conn, head("200 OK", "Content-Type: text/plain", "Transfer-Encoding: chunked")+"2\r\nok\r\n")
			_, _ = conn.Read(make([]byte, 1))
		}},
		"early, small":             {early: true},
		"early, body never read":   {body: `{"a":"` + strings.Repeat("x", 5_000_000) + `"}`, early: true, app: answersEarly},
		"status without a message": {answer: []string{"HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n"}},
	}
}

// answersEarly answers while the body is still sent, and reads it afterwards only.
func answersEarly(conn net.Conn, request *http.Request) {
	_, _ = io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	_, _ = io.Copy(io.Discard, request.Body)
}

func zipped(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return out.String()
}
