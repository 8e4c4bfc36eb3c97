package handlers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// credentialLogs knows which credentials of a configuration its logs could show.
type credentialLogs struct {
	hidden []string        // by endpoints of this configuration
	told   map[string]bool // places that were warned of
	logs   *openLogs       // nil until there is an endpoint
}

// openLogs are the logs of a configuration that write the headers and the URL of
// a request as they came.
type openLogs struct {
	byDefault bool
	others    int
	everyday  bool // they do so with requests that are dealt with well, too
}

// hideCredentials has the encoder webhook_redact hide the credentials of an
// endpoint. Tokens are those among them that are good for more than one request:
// it reports whether a log of the configuration would show them where a handler
// fails, and warns if one would show them anyway.
func (a *App) hideCredentials(ctx caddy.Context, whose zap.Field, all, tokens verify.Credentials) (shown bool) {
	c := &a.credentialLogs
	places := placesOf(all)
	hiding.add(places)
	c.hidden = append(c.hidden, places...)
	if c.logs == nil {
		c.told, c.logs = make(map[string]bool), findOpenLogs(ctx)
	}
	open := slices.DeleteFunc(placesOf(tokens), func(place string) bool { return hiddenByCaddy[place] })
	if len(open) == 0 || !c.logs.byDefault && c.logs.others == 0 {
		return false
	}
	untold := slices.DeleteFunc(open, func(place string) bool { return c.told[place] })
	if !c.logs.everyday || len(untold) == 0 {
		return true
	}
	for _, place := range untold {
		c.told[place] = true
	}
	slices.Sort(untold)
	ctx.Logger().Warn("what proves the sender of these webhooks shows in the access log, and in logs for debugging; "+
		c.logs.remedy(), whose, zap.Strings("shown", slices.Compact(untold)))
	return true
}

// hiddenByCaddy are the places that Caddy leaves out of logs itself, unless the
// operator wants them there.
var hiddenByCaddy = map[string]bool{"header.Authorization": true, "header.Proxy-Authorization": true, "header.Cookie": true}

// show forgets the credentials of a configuration that has ended.
func (c *credentialLogs) show() {
	hiding.remove(c.hidden)
	c.hidden = nil
}

// remedy says what to write.
func (l *openLogs) remedy() string {
	var lines []string
	if l.byDefault {
		lines = append(lines, "log { format webhook_redact } in the global options")
	}
	if l.others > 0 {
		lines = append(lines, fmt.Sprintf("format webhook_redact in the other logs (%d)", l.others))
	}
	return "write " + strings.Join(lines, ", and ")
}

// findOpenLogs asks each log that Caddy's HTTP servers write to.
func findOpenLogs(ctx caddy.Context) *openLogs {
	count := func(core zapcore.Core) int {
		probe := new(logProbe)
		core.With([]zapcore.Field{zap.Inline(probe)})
		return probe.asked - probe.redacted
	}
	byDefault, all := caddy.Log().Core(), ctx.Logger(httpApp{}).Core()
	found := &openLogs{byDefault: count(byDefault) > 0, everyday: all.Enabled(zapcore.DebugLevel)}
	found.others = count(all) - count(byDefault)
	for _, module := range ctx.Modules() {
		if app, ok := module.(*caddyhttp.App); ok {
			for _, server := range app.Servers {
				found.everyday = found.everyday || server.Logs != nil
			}
		}
	}
	return found
}

// httpApp stands for Caddy's app of that name, under whose logger its servers log.
type httpApp struct{}

// CaddyModule returns the Caddy module information.
func (httpApp) CaddyModule() caddy.ModuleInfo { return caddy.ModuleInfo{ID: "http"} }

// logProbe is a field that is written nowhere. Each encoder that a log would
// write it by is asked, and webhook_redact, wherever it stands among encoders that
// wrap each other, makes itself known.
type logProbe struct{ asked, redacted int }

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (p *logProbe) MarshalLogObject(to zapcore.ObjectEncoder) error {
	p.asked++
	return to.AddReflected("webhook_probe", p)
}

// MarshalJSON implements json.Marshaler, for the encoders that know nothing of it.
func (*logProbe) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// ofToken are the places of the credentials that a client sends for a token.
func ofToken(t *Token) verify.Credentials {
	places := verify.Credentials{Headers: []string{"Authorization"}}
	if t.Headers != nil {
		places.Headers = append(places.Headers, http.CanonicalHeaderKey(t.Headers.Secret))
	}
	return places
}
