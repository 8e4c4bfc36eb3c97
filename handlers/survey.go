package handlers

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	fromcaddyfile "github.com/caddy-webhooks/caddy-webhooks/caddyfile"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// survey looks at the routes of a server for what loads but hardly is meant: an
// endpoint that another one hides, and one beside which the app can be reached
// without verification. It warns only where no other matcher could decide.
type survey struct {
	logger *zap.Logger
	spec   func(provider string) (*verify.Spec, error)
	sites  []*surveyed
}

// surveyed is what is known of a site: a route of a server, and what is in it.
type surveyed struct {
	endpoints []surveyedEndpoint
	paths     []string // patterns that some other route takes
	catchAll  bool     // a reverse proxy gets all that is left
}

type surveyedEndpoint struct {
	provider string
	paths    []string // empty: all
}

// surveyedRoute is a route as it stands in the configuration.
type surveyedRoute struct {
	Match  []map[string]json.RawMessage `json:"match"`
	Handle []json.RawMessage            `json:"handle"`
}

// surveyServer warns about the routes of a server, which are being provisioned:
// what comes before the first webhook_auth has no part in it.
func surveyServer(server *caddyhttp.Server, app *App, logger *zap.Logger) {
	s := &survey{logger: logger, spec: app.spec}
	all := new(surveyed)
	for i := range server.Routes {
		route := &server.Routes[i]
		site, paths, plain := all, []string(nil), true
		for _, set := range route.MatcherSets {
			for _, matcher := range set {
				switch matcher := matcher.(type) {
				case *caddyhttp.MatchHost:
					site = new(surveyed)
				case *caddyhttp.MatchPath:
					paths = append(paths, *matcher...)
				default:
					plain = false
				}
			}
		}
		if plain && len(route.HandlersRaw) > 0 {
			s.handlers(site, paths, route.HandlersRaw)
			if !slices.Contains(s.sites, site) {
				s.sites = append(s.sites, site)
			}
		}
	}
	for _, site := range s.sites {
		s.hidden(site)
		s.beside(site)
	}
}

// routes adds what routes in JSON have.
func (s *survey) routes(site *surveyed, raw json.RawMessage) {
	var routes []surveyedRoute
	if json.Unmarshal(raw, &routes) != nil {
		return
	}
	for _, route := range routes {
		var paths []string
		plain := true
		for _, set := range route.Match {
			var some []string
			plain = plain && len(set) == 1 && json.Unmarshal(set["path"], &some) == nil
			paths = append(paths, some...)
		}
		if plain {
			s.handlers(site, paths, route.Handle)
		}
	}
}

// handlers adds what the handlers of a route are that takes requests by their
// paths only; none stand for all.
func (s *survey) handlers(site *surveyed, paths []string, raw []json.RawMessage) {
	isEndpoint, config := false, verify.Config{}
	for _, handler := range raw {
		var h struct {
			Handler   string          `json:"handler"`
			Provider  string          `json:"provider"`
			Routes    json.RawMessage `json:"routes"`
			Transport struct {
				Protocol string `json:"protocol"`
			} `json:"transport"`
		}
		if json.Unmarshal(handler, &h) != nil {
			continue
		}
		switch {
		case h.Handler == "webhook_auth":
			isEndpoint = json.Unmarshal(handler, &config) == nil
			site.endpoints = append(site.endpoints, surveyedEndpoint{h.Provider, paths})
		case isEndpoint && h.Handler == "webhook_routes":
			s.events(&config, h.Routes)
		case isEndpoint:
		case h.Handler == "subroute" && coversAll(paths):
			s.routes(site, h.Routes)
		case h.Handler == "reverse_proxy" && (coversAll(paths) || h.Transport.Protocol == "fastcgi"): // php_fastcgi rewrites all paths
			site.catchAll = true
		}
	}
	if !coversAll(paths) {
		site.paths = append(site.paths, paths...)
	}
}

// events warns of routes for events that the endpoint cannot get.
func (s *survey) events(config *verify.Config, raw json.RawMessage) {
	var routes []surveyedRoute
	spec, err := s.spec(config.Provider)
	if err != nil || json.Unmarshal(raw, &routes) != nil {
		return
	}
	for _, route := range routes {
		for _, set := range route.Match {
			var patterns []string
			_ = json.Unmarshal(set["webhook_event"], &patterns) // there may be none
			for _, pattern := range patterns {
				if problem := fromcaddyfile.EventProblem(spec, config, pattern); problem != "" {
					s.logger.Warn(problem)
				}
			}
		}
	}
}

// hidden warns of endpoints that an earlier one leaves nothing. There may be thousands:
// each is held against those only that list its path, or take more than they list.
func (s *survey) hidden(site *surveyed) {
	var open []int                   // those that take more
	listed := make(map[string][]int) // those that list a path
	for i, later := range site.endpoints {
		earlier := slices.Clone(open)
		if len(later.paths) > 0 {
			earlier = append(earlier, listed[strings.ToLower(later.paths[0])]...)
		}
		slices.Sort(earlier)
		for _, number := range earlier {
			if other := site.endpoints[number]; other.hides(later) {
				s.logger.Warn("an endpoint gets no request, because one before it takes the same paths and refuses all but its own provider's; "+
					"give each a path of its own",
					zap.String("provider", later.provider), zap.Strings("paths", later.paths), zap.String("taken_by", other.provider))
				break
			}
		}
		if len(later.paths) == 0 || slices.ContainsFunc(later.paths, func(path string) bool { return strings.HasSuffix(path, "*") }) {
			open = append(open, i)
			continue
		}
		for _, path := range later.paths {
			path = strings.ToLower(path)
			listed[path] = append(listed[path], i)
		}
	}
}

// hides reports whether an endpoint takes all that one behind it might.
func (e surveyedEndpoint) hides(later surveyedEndpoint) bool {
	return coversAll(e.paths) || len(later.paths) > 0 && !slices.ContainsFunc(later.paths, func(path string) bool {
		return !takes(e.paths, path)
	})
}

// beside warns of endpoints beside which a proxy forwards the same path with a
// slash at its end, which many apps take for the same.
func (s *survey) beside(site *surveyed) {
	if !site.catchAll {
		return
	}
	for _, endpoint := range site.endpoints {
		for _, path := range endpoint.paths {
			if strings.HasSuffix(path, "*") || strings.HasSuffix(path, "/") || takes(site.paths, path+"/") {
				continue
			}
			s.logger.Warn("what comes to an endpoint's path with a slash at its end is proxied without verification, and many apps take it "+
				"for the same path; let a matcher take both: @webhook path "+path+" "+path+"/",
				zap.String("provider", endpoint.provider), zap.String("path", path+"/"))
		}
	}
}

// coversAll reports whether patterns take every path.
func coversAll(paths []string) bool {
	return len(paths) == 0 || slices.Contains(paths, "*") || slices.Contains(paths, "/*")
}

// takes reports whether patterns surely take a path, or all that a pattern does.
func takes(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		prefix, open := strings.CutSuffix(pattern, "*")
		return strings.EqualFold(pattern, path) ||
			open && !strings.Contains(prefix, "*") && strings.HasPrefix(strings.ToLower(path), strings.ToLower(prefix))
	})
}

// warn tells of what loads at an endpoint, but hardly is meant.
func (a *Auth) warn(ctx caddy.Context, app *App, spec *verify.Spec, config *verify.Config) {
	for _, kind := range config.NotOffered(spec) {
		a.logger.Warn("the provider does not offer this kind of credential, so what it sends is refused",
			a.observer.Endpoint.Field(), zap.String("credential", kind), zap.Strings("offered", spec.Credentials))
	}
	for i, secret := range config.Secrets {
		if !spec.IsLikeSecret(secret) {
			a.logger.Warn("a secret does not begin as the provider's secrets do; is it another key?",
				a.observer.Endpoint.Field(), zap.Int("secret", i+1), zap.String("begins", spec.SecretPrefix))
		}
	}
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok || app.surveyed[server] {
		return
	}
	if app.surveyed == nil {
		app.surveyed = make(map[*caddyhttp.Server]bool)
	}
	app.surveyed[server] = true
	surveyServer(server, app, a.logger)
}
