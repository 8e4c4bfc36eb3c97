package proxy

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

// answer passes an upstream's answer on to the sender.
func (x *exchange) answer(response *http.Response) error {
	defer x.upstream.requests.Add(-1)
	x.response = response
	if response.StatusCode == http.StatusSwitchingProtocols {
		return response.Body.Close() // whoever has verified the webhook sees that it was not answered
	}
	streams := isStream(response)
	removeHopByHop(response.Header)
	header := x.sender.Header()
	delete(header, "Server") // Via says it
	addVia(header, response.ProtoMajor, response.ProtoMinor)
	addHeader(header, response.Header)
	announced := len(response.Trailer)
	if announced > 0 {
		header.Add("Trailer", strings.Join(slices.Sorted(maps.Keys(response.Trailer)), ", "))
	}
	x.sender.WriteHeader(response.StatusCode)
	if err := x.copyBody(response.Body, streams); err != nil {
		x.abort(err)
	}
	if len(response.Trailer) > 0 { // else the body of a short answer would get a length
		_ = http.NewResponseController(x.sender).Flush()
	}
	x.took = time.Since(x.asked)
	for name, values := range response.Trailer {
		if len(response.Trailer) != announced {
			name = http.TrailerPrefix + name
		}
		header[name] = append(header[name], values...)
	}
	return nil
}

// isStream reports whether the sender is to get each part of an answer at once.
func isStream(response *http.Response) bool {
	if response.ContentLength == -1 || caddyhttp.IsIncremental(response.Header) {
		return true
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return err == nil && kind == "text/event-stream"
}

// buffers are for the copying of answers.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// copyBody copies an answer's body to its end and closes it, by which its trailers
// become known.
func (x *exchange) copyBody(body io.ReadCloser, streams bool) error {
	defer body.Close()
	buffer := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buffer)
	controller := http.NewResponseController(x.sender)
	if streams {
		_ = controller.Flush() // the head; the body may take its time
	}
	for {
		n, err := body.Read(buffer[:])
		if n > 0 {
			if _, err := x.sender.Write(buffer[:n]); err != nil {
				return fmt.Errorf("writing: %w", err)
			}
			if streams {
				_ = controller.Flush()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
	}
}

// abort breaks off an answer of which the sender has the beginning, so that it does
// not take that for the whole.
func (x *exchange) abort(err error) {
	if entry := x.forward.logger.Check(zap.WarnLevel, "aborting with incomplete response"); entry != nil {
		entry.Write(append(x.fields(x.latency), zap.Error(err))...)
	}
	_ = http.NewResponseController(x.sender).Flush()
	panic(http.ErrAbortHandler)
}
