package handlers

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"strconv"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// heldBody is a request body that is in memory as a whole. Readers of the
// request use it up as any other; the transport webhook can send it anew at
// each attempt.
type heldBody struct {
	content []byte
	source  *buffer // what the content is in, if that can be used again
	reader  bytes.Reader
}

// errReleased ends the reading of a body whose request has ended.
var errReleased = errors.New("the request has ended")

// send has an attempt of the request send the body from memory.
func (b *heldBody) send(attempt *http.Request) {
	attempt.ContentLength = int64(len(b.content))
	attempt.Body = b.again()
	if !b.lent() {
		attempt.GetBody = func() (io.ReadCloser, error) { return b.again(), nil }
		return
	}
	written := b.source.send()
	if trace := httptrace.ContextClientTrace(attempt.Context()); trace != nil && trace.WroteRequest == nil {
		// The reverse proxy has made it for this attempt. To add another one
		// would cost more than the attempt's other preparations.
		trace.WroteRequest = func(httptrace.WroteRequestInfo) { written() }
	}
	// net/http asks for another one if a connection has died idle.
	attempt.GetBody = func() (io.ReadCloser, error) {
		b.source.send() // there is no telling any more when it was written
		return b.again(), nil
	}
}

// again returns the whole body once more. net/http sends a small one along with
// the head, but only if it sees such a reader.
func (b *heldBody) again() io.ReadCloser {
	if b.source == nil || b.source.small() {
		return io.NopCloser(bytes.NewReader(b.content))
	}
	return holdBody(b.content, b.source)
}

// lent reports whether attempts read memory, without a lock, that may be used
// again: it has to be known when they have written it.
func (b *heldBody) lent() bool { return b.source != nil && b.source.small() }

func holdBody(content []byte, source *buffer) *heldBody {
	b := &heldBody{content: content, source: source}
	b.reader.Reset(content)
	return b
}

func (b *heldBody) Read(p []byte) (int, error) {
	if b.source != nil {
		b.source.mu.Lock()
		defer b.source.mu.Unlock()
		if b.source.released {
			return 0, errReleased
		}
	}
	return b.reader.Read(p)
}

// Close does nothing: the bytes are of use to later handlers.
func (*heldBody) Close() error { return nil }

// replaceBody makes body the request's body, in place: Caddy's placeholders
// hold on to the request itself. GetBody stays nil, because a later handler
// may replace the body without knowing of it.
func replaceBody(r *http.Request, body []byte) { setBody(r, body, nil) }

func setBody(r *http.Request, body []byte, source *buffer) {
	r.Body = http.NoBody
	if len(body) > 0 {
		r.Body = holdBody(body, source)
	}
	r.ContentLength = int64(len(body))
	r.TransferEncoding = nil
	r.Trailer = nil // nobody vouches for trailers
	r.Header.Del("Expect")
	if r.Header.Get("Content-Length") != "" {
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
}

// heldBodyOf returns the body in memory that a reverse proxy is about to send,
// or nil where a handler has put another body, or a reader of its own, in place
// of it: what is sent has to be what that handler made.
func heldBodyOf(r *http.Request) *heldBody {
	body := r.Body
	for range len(proxyWrappers) + 1 {
		if held, ok := body.(*heldBody); ok {
			return held
		}
		if body = unwrap(body); body == nil {
			return nil
		}
	}
	return nil
}

// proxyWrappers are the types that Caddy's reverse proxy puts around a body.
// They change nothing of what is read, and have the body in an embedded field.
// With a Caddy that wraps in another way bodies are sent as they are read.
var proxyWrappers = map[string]bool{"requestBodyWithTrailers": true, "bodyNopCloserIfNotRead": true}

var proxyPackage = reflect.TypeFor[reverseproxy.Handler]().PkgPath()

// bodyFields are the fields of types of bodies that have been seen, in which a
// wrapper has what it wraps: a reflect.Type to an int, negative if there is none.
var bodyFields sync.Map

func unwrap(body io.ReadCloser) io.ReadCloser {
	value := reflect.ValueOf(body)
	if value.Kind() != reflect.Pointer || value.IsNil() {
		return nil
	}
	value = value.Elem()
	index, known := bodyFields.Load(value.Type())
	if !known {
		index = bodyField(value.Type())
		bodyFields.Store(value.Type(), index)
	}
	if index.(int) < 0 {
		return nil
	}
	inner, _ := reflect.TypeAssert[io.ReadCloser](value.Field(index.(int)))
	return inner
}

func bodyField(kind reflect.Type) int {
	if kind.PkgPath() != proxyPackage || !proxyWrappers[kind.Name()] {
		return -1
	}
	field, ok := kind.FieldByName("ReadCloser")
	if !ok || len(field.Index) != 1 {
		return -1
	}
	return field.Index[0]
}
