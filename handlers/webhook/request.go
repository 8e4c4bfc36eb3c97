package webhook

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Now is the clock. A simulation sets it to the time of the request.
var Now = time.Now

// SetClock sets the clock by which requests arrive. It must not be called
// while requests are being handled.
func SetClock(clock func() time.Time) { Now = clock }

// NewRequest describes an HTTP request to a verifier, as the client made it:
// without the rewrites of earlier handlers.
func NewRequest(r *http.Request) *verify.Request {
	method, requested := r.Method, r.URL
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		method, requested = original.Method, original.URL
	}
	address, _ := netip.ParseAddr(ClientIP(r)) // the zero Addr is in no range
	made := &struct {                          // in one piece
		verify.Request
		url url.URL
	}{url: clientURL(r, requested)}
	request := &made.Request
	request.Method, request.URL, request.Header = method, &made.url, r.Header
	request.ClientIP, request.Received = address, Now()
	return request
}

// ClientIP returns the address that the request comes from, as Caddy sees it.
func ClientIP(r *http.Request) string {
	address, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	return address
}

// clientURL is the URL that the client asked for. What a trusted proxy says of
// it counts, as it does for the address of the client.
func clientURL(r *http.Request, requested *url.URL) url.URL {
	full := *requested
	full.Host = r.Host
	full.Scheme = "http"
	if r.TLS != nil {
		full.Scheme = "https"
	}
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
		if scheme := strings.ToLower(forwarded(r, "X-Forwarded-Proto")); scheme == "http" || scheme == "https" {
			full.Scheme = scheme
		}
		if host := forwarded(r, "X-Forwarded-Host"); host != "" {
			full.Host = host
		}
	}
	return full
}

// forwarded is what the proxy next to the client says in a header to which each
// proxy may have added a word.
func forwarded(r *http.Request, header string) string {
	first, _, _ := strings.Cut(r.Header.Get(header), ",")
	return strings.TrimSpace(first)
}

// ReadBody reads a whole body of at most limit bytes within the given time. It
// shows what has arrived, piece by piece, if that is wanted.
func ReadBody(
	w http.ResponseWriter, r *http.Request, body *Buffer, limit int64, timeout time.Duration, arrived func([]byte),
) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	if r.ContentLength > limit {
		return &verify.Error{
			Reason: verify.TooLarge,
			Detail: strconv.FormatInt(r.ContentLength, 10) + " bytes were announced; " + strconv.FormatInt(limit, 10) + " are allowed",
		}
	}
	limited := limitRead(w, timeout)
	err := body.Fill(r.Body, r.ContentLength, limit, arrived)
	if limited {
		endLimit(w)
	}
	if len(body.Data) > 0 {
		delete(r.Header, "Expect") // the sender was asked for the body
	}
	if err != nil {
		return err
	}
	return r.Body.Close()
}

// limitRead bounds the time for reading a body, and reports whether it did.
// Caddy's idle timeout starts anew with each byte; this one does not. Not every
// connection can have it, and there the idle timeout must do.
func limitRead(w http.ResponseWriter, timeout time.Duration) bool {
	return http.NewResponseController(w).SetReadDeadline(time.Now().Add(timeout)) == nil
}

// endLimit lifts the bound.
func endLimit(w http.ResponseWriter) { _ = http.NewResponseController(w).SetReadDeadline(time.Time{}) }

// maxDrain is how much of a refused body is read so that its sender, who may
// look for the answer only after having sent all, gets to see it.
const maxDrain = 32 << 20

// Drain reads what is left of a refused request's body. A sender that waits to
// be asked for the body, or announces more than would be read, is told with
// the answer that the connection ends. In HTTP/2 its stream ends, which takes the
// answer away from senders that use an older libcurl.
func Drain(w http.ResponseWriter, r *http.Request, timeout time.Duration) {
	if r.ProtoMajor > 2 || r.Body == nil || r.ContentLength == 0 {
		return
	}
	if r.Header.Get("Expect") != "" || r.ContentLength > maxDrain {
		endConnection(w, r)
		return
	}
	if limitRead(w, timeout) {
		defer endLimit(w)
	}
	if _, err := io.CopyN(io.Discard, r.Body, maxDrain); !errors.Is(err, io.EOF) {
		endConnection(w, r)
	}
}

// endConnection has the connection end with the answer, unless other requests may
// be on it.
func endConnection(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
}

// readError says why a body could not be read.
func readError(err error) error {
	// request_body, or another handler before this one, has its own answer.
	if handlerErr, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
		return handlerErr
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &verify.Error{Reason: verify.SlowBody, Detail: "the body did not arrive in time"}
	}
	return &verify.Error{Reason: verify.Malformed, Detail: "the body could not be read: " + err.Error()}
}
