package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// target is where captured requests are posted.
type target struct {
	url    *url.URL
	client *http.Client
}

// targetTimeout is how long an app may take.
const targetTimeout = 30 * time.Second

func newTarget(text string) (*target, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	to, err := url.Parse(text)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return nil, fmt.Errorf("--to: %q is no URL; write something like http://localhost:3000/hook", text)
	}
	return &target{url: to, client: &http.Client{
		Timeout:       targetTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// targetAnswer is what an app has answered.
type targetAnswer struct {
	status int
	text   string // of the status
	body   string // its beginning
	took   time.Duration
}

// maxTargetBody is how much of an answer is shown, in bytes.
const maxTargetBody = 4 << 10

// at returns the URL that a request goes to: the target's, with the request's path if it
// names none, and with its query if it has none.
func (t *target) at(requested *url.URL) *url.URL {
	to := *t.url
	if to.Path == "" || to.Path == "/" {
		to.Path, to.RawPath = requested.Path, requested.RawPath
	}
	if to.RawQuery == "" {
		to.RawQuery = requested.RawQuery
	}
	return &to
}

// post hands a captured request on, as its provider has sent it.
func (t *target) post(ctx context.Context, captured *capture) (*targetAnswer, error) {
	request, err := http.NewRequestWithContext(ctx, captured.Method, t.at(captured.URL).String(), bytes.NewReader(captured.body))
	if err != nil {
		return nil, err
	}
	request.Header = captured.Header.Clone()
	request.Header.Del("Content-Length")
	began := time.Now()
	response, err := t.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTargetBody))
	return &targetAnswer{response.StatusCode, response.Status, string(body), time.Since(began)}, err
}

// isTerminal reports whether what is written goes to somebody's eyes.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
