package command

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// capture is a request that was recorded.
type capture struct {
	*http.Request
	body []byte
	left int // bytes after the end of the body
}

// readCapture reads a captured request, out of the standard input where no file
// is named, or a hyphen.
func readCapture(name string, in io.Reader) (*capture, error) {
	if name != "" && name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // it is only read
		in = file
	}
	content, err := io.ReadAll(io.LimitReader(in, maxCapture+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxCapture {
		return nil, fmt.Errorf("the captured request is larger than %d bytes", maxCapture)
	}
	return parseCapture(content)
}

// parseCapture reads a request as a server does, and what tools make of one when
// they save it: see tidyHead. A body that its head calls chunked may be whole, as
// tunnels show it.
func parseCapture(content []byte) (*capture, error) {
	head, rest := cutHead(content)
	reader := bufio.NewReader(bytes.NewReader(append(tidyHead(head), rest...)))
	request, err := http.ReadRequest(reader)
	if err != nil {
		return nil, fmt.Errorf("not an HTTP request: %w", err)
	}
	c := &capture{Request: request}
	chunked := len(request.TransferEncoding) > 0
	if chunked && !chunk.Match(rest) || !chunked && request.Header.Get("Content-Length") == "" {
		request.TransferEncoding, c.body = nil, rest
		return c, nil
	}
	c.body, err = io.ReadAll(request.Body)
	switch {
	case err == nil:
		left, _ := io.ReadAll(reader) // it reads from memory
		c.left = len(bytes.TrimRight(left, "\r\n"))
	case chunked:
		return nil, fmt.Errorf("the request's body is chunked, and cannot be read to its last chunk: %w", err)
	default:
		return nil, fmt.Errorf("the request's body is shorter than its Content-Length: %w", err)
	}
	return c, nil
}

// cutHead returns the head of a request with the empty line at its end, and its
// body. A server passes over empty lines before it, too (RFC 9112 section 2.2).
func cutHead(content []byte) (head, body []byte) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	content = bytes.TrimLeft(content, "\r\n")
	if end := emptyLine.FindIndex(content); end != nil {
		return content[:end[1]], content[end[1]:]
	}
	return content, nil
}

var (
	emptyLine   = regexp.MustCompile(`\r?\n(> ?)?\r?\n`)
	chunk       = regexp.MustCompile(`^[0-9A-Fa-f]+ *(;[^\n]*)?\r?\n`)
	traced      = regexp.MustCompile(`(?m)^> ?`)
	requestLine = regexp.MustCompile(`^([A-Z]+ [^ \r\n]+)( HTTP/[23](\.0)?)?(\r?\n)`)
)

// tidyHead makes of a head what HTTP/1.1 has: without the mark that curl -v puts
// before each line, and with the version that a capture of HTTP/2 or HTTP/3 names
// otherwise, or not at all.
func tidyHead(head []byte) []byte {
	if bytes.HasPrefix(head, []byte("> ")) {
		head = traced.ReplaceAll(head, nil)
	}
	return requestLine.ReplaceAll(bytes.Clone(head), []byte("$1 HTTP/1.1$4"))
}

// note says what of the file was not looked at; it is empty if all was.
func (c *capture) note() string {
	if c.left == 0 {
		return ""
	}
	return fmt.Sprintf("%d more byte%s after the body, whose end its Content-Length says: %s",
		c.left, map[bool]string{true: " stands", false: "s stand"}[c.left == 1], strings.Join(c.Header["Content-Length"], ", "))
}

// target is the URL that was asked for. Where the request does not name the
// scheme, it is the given one.
func (c *capture) target(scheme string) *url.URL {
	target := *c.URL
	if target.Host == "" {
		target.Scheme, target.Host = scheme, c.Host
	}
	return &target
}

// request makes of a capture what a verifier takes.
func (c *capture) request(scheme string, received time.Time, spec *verify.Spec) *verify.Request {
	return &verify.Request{
		Method:   c.Method,
		URL:      c.target(scheme),
		Header:   c.Header.Clone(),
		ClientIP: netip.Addr{},
		Received: received,
		Body:     payload.New(c.body, c.Header.Get("Content-Type"), spec.FormField),
	}
}
