package handlers

import (
	"encoding/json"
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
	hidden  []string                   // by endpoints of this configuration
	told    map[string]bool            // places that were warned of
	logs    *openLogs                  // nil until there is an endpoint
	showing map[*caddyhttp.Server]bool // see showsRequests
}

// openLogs are the logs of a configuration that write the headers and the URL of
// a request as they came.
type openLogs struct {
	byDefault bool
	others    int
	everyday  bool // they do so with requests that are dealt with well, too
	all       bool // also what Caddy leaves out of logs by itself
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
		c.told, c.logs, c.showing = make(map[string]bool), findOpenLogs(ctx), make(map[*caddyhttp.Server]bool)
	}
	open := slices.DeleteFunc(placesOf(tokens), func(place string) bool { return hiddenByCaddy[place] && !c.logs.all })
	if len(open) == 0 || !c.logs.byDefault && c.logs.others == 0 {
		return false
	}
	untold := slices.DeleteFunc(open, func(place string) bool { return c.told[place] })
	if len(untold) == 0 || !c.logs.everyday && !c.showsRequests(ctx) {
		return true
	}
	for _, place := range untold {
		c.told[place] = true
	}
	slices.Sort(untold)
	ctx.Logger().Warn("what proves the sender of these webhooks shows in logs, where Caddy writes down requests; "+
		c.logs.remedy(), whose, zap.Strings("shown", slices.Compact(untold)))
	return true
}

// showsRequests reports whether the server of an endpoint can log a request where
// something else fails than a handler: a reverse proxy does, when the app breaks
// off its answer, unless its transport is webhook; and so does the server, when
// its error routes fail, too.
func (c *credentialLogs) showsRequests(ctx caddy.Context) bool {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return false
	}
	shows, known := c.showing[server]
	if !known {
		shows = hasErrorRoutes(server) || slices.ContainsFunc(server.Routes, proxiesOpenly)
		for _, named := range server.NamedRoutes {
			shows = shows || proxiesOpenly(*named)
		}
		c.showing[server] = shows
	}
	return shows
}

func hasErrorRoutes(server *caddyhttp.Server) bool {
	return server.Errors != nil && len(server.Errors.Routes) > 0
}

// proxiesOpenly reports whether a route, which is being provisioned, has a reverse
// proxy with another transport than webhook, or one for which that keeps headers.
func proxiesOpenly(route caddyhttp.Route) bool {
	for _, raw := range route.HandlersRaw {
		var handler any
		if json.Unmarshal(raw, &handler) == nil && hasOpenProxy(handler) {
			return true
		}
	}
	return false
}

func hasOpenProxy(config any) bool {
	switch config := config.(type) {
	case []any:
		return slices.ContainsFunc(config, hasOpenProxy)
	case map[string]any:
		if config["handler"] == "reverse_proxy" {
			transport, _ := config["transport"].(map[string]any)
			balancing, _ := config["load_balancing"].(map[string]any)
			return transport["protocol"] != "webhook" || balancing["retry_match"] != nil
		}
		for _, member := range config {
			if hasOpenProxy(member) {
				return true
			}
		}
	}
	return false
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
				found.all = found.all || server.Logs != nil && server.Logs.ShouldLogCredentials
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
