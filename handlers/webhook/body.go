package webhook

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Body is a request body that is in memory as a whole. Readers of the
// request use it up as any other; the transport webhook can send it anew at
// each attempt.
type Body struct {
	Content []byte
	Buffer  *Buffer       // what the content is in, if that can be used again
	decoded *payload.Body // of which nothing is kept once the content is sent; nil: nothing is
	reader  bytes.Reader
}

// errReleased ends the reading of a body whose request has ended.
var errReleased = errors.New("the request has ended")

// Send has an attempt of the request send the body from memory.
func (b *Body) Send(attempt *http.Request) {
	b.decoded.Drop()
	attempt.ContentLength = int64(len(b.Content))
	attempt.Body = b.again()
	// net/http asks for another one if a connection has died idle.
	attempt.GetBody = func() (io.ReadCloser, error) { return b.again(), nil }
}

// again returns the whole body once more. net/http sends a small one along with
// the head, but only if it sees such a reader.
func (b *Body) again() io.ReadCloser {
	if b.Buffer == nil {
		return io.NopCloser(bytes.NewReader(b.Content))
	}
	return new(Body).Hold(b.Content, b.Buffer, nil)
}

// Hold makes it the body of a content. Nothing that was decoded of it is kept once
// it is read: an app may take its time.
func (b *Body) Hold(content []byte, source *Buffer, decoded *payload.Body) *Body {
	b.Content, b.Buffer, b.decoded = content, source, decoded
	b.reader.Reset(content)
	return b
}

func (b *Body) Read(p []byte) (int, error) {
	b.decoded.Drop()
	if b.Buffer != nil {
		b.Buffer.mu.Lock()
		defer b.Buffer.mu.Unlock()
		if b.Buffer.released {
			return 0, errReleased
		}
	}
	return b.reader.Read(p)
}

// Close does nothing: the bytes are of use to later handlers.
func (*Body) Close() error { return nil }

// ReplaceBody makes body the request's body, in place: Caddy's placeholders
// hold on to the request itself. GetBody stays nil, because a later handler
// may replace the body without knowing of it.
func ReplaceBody(r *http.Request, body []byte) { SetBody(r, new(Body).Hold(body, nil, nil)) }

func SetBody(r *http.Request, body *Body) {
	r.Body = http.NoBody
	if len(body.Content) > 0 {
		r.Body = body
	}
	r.ContentLength = int64(len(body.Content))
	r.TransferEncoding = nil
	r.Trailer = nil // nobody vouches for trailers
	delete(r.Header, "Expect")
	var room [20]byte
	length := strconv.AppendInt(room[:0], r.ContentLength, 10)
	if lines := r.Header["Content-Length"]; len(lines) > 1 || len(lines) == 1 && lines[0] != string(length) {
		r.Header["Content-Length"] = []string{string(length)}
	}
}

// BufferBody puts a body into memory that another handler has put in the place of
// what was verified. It counts as that does.
func BufferBody(r *http.Request, v *Verified) error {
	if BodyOf(r) != nil || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	made := Buffer{Budget: v.Buffer.Budget}
	err := made.Fill(r.Body, r.ContentLength, math.MaxInt64-1, nil)
	v.Buffer.count(made.charged) // until the request ends
	if refusal, ok := errors.AsType[*verify.Error](err); ok {
		return Refuse(r, refusal.Reason)
	} else if err != nil {
		return err
	}
	ReplaceBody(r, made.Data)
	return nil
}

// BodyOf returns the body in memory that a reverse proxy is about to send,
// or nil where a handler has put another body, or a reader of its own, in place
// of it: what is sent has to be what that handler made.
func BodyOf(r *http.Request) *Body {
	body := r.Body
	for range len(proxyWrappers) + 1 {
		if held, ok := body.(*Body); ok {
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

// wrappers are the types among proxyWrappers that have been seen. The list is
// replaced by a longer one, never changed.
var wrappers atomic.Pointer[[]wrapper]

// wrapper is a type of bodies that wrap another one, and the field it is in.
type wrapper struct {
	kind  reflect.Type
	field int
}

func unwrap(body io.ReadCloser) io.ReadCloser {
	value := reflect.ValueOf(body)
	if value.Kind() != reflect.Pointer || value.IsNil() {
		return nil
	}
	value = value.Elem()
	field := bodyField(value.Type())
	if field < 0 {
		return nil
	}
	inner, _ := reflect.TypeAssert[io.ReadCloser](value.Field(field))
	return inner
}

// bodyField returns in which field a type has the body that it wraps; it is
// negative for others.
func bodyField(kind reflect.Type) int {
	var seen []wrapper
	if list := wrappers.Load(); list != nil {
		seen = *list
	}
	for _, w := range seen {
		if w.kind == kind {
			return w.field
		}
	}
	if kind.PkgPath() != proxyPackage || !proxyWrappers[kind.Name()] {
		return -1
	}
	field, ok := kind.FieldByName("ReadCloser")
	if !ok || len(field.Index) != 1 {
		return -1
	}
	longer := append(slices.Clip(seen), wrapper{kind, field.Index[0]})
	wrappers.Store(&longer)
	return field.Index[0]
}
