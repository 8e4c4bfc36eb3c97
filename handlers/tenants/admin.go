package tenants

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
)

// Admin is the part of Caddy's admin API that shows and changes tenants. No answer has
// a credential in it, only how many there are.
//
// Request | Description
// --------|------------
// `GET /webhooks/tenants` | The sources
// `GET /webhooks/tenants/<source>` | The ids of its tenants, after `after`, at most `limit` (default 1000)
// `GET /webhooks/tenants/<source>/<id>` | A tenant as the source has it, and where it can be verified
// `PUT /webhooks/tenants/<source>/<id>` | Makes or replaces a tenant; the body is its JSON
// `DELETE /webhooks/tenants/<source>/<id>` | Ends a tenant
// `GET /webhooks/tenants-top` | The tenants that are first by `order`: `noisiest`, `refused` or `silent`, at most `limit` (default 20)
type Admin struct{ logger *zap.Logger }

// CaddyModule returns the Caddy module information.
func (Admin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.webhook_tenants", New: func() caddy.Module { return new(Admin) }}
}

// Provision finds the log, which has every change.
func (a *Admin) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	return nil
}

const (
	adminPrefix = "/webhooks/tenants"
	maxListed   = 10_000
)

// Routes returns the routes of the module.
func (a *Admin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: adminPrefix, Handler: caddy.AdminHandlerFunc(a.serve)},
		{Pattern: adminPrefix + "/", Handler: caddy.AdminHandlerFunc(a.serve)},
		{Pattern: adminPrefix + "-top", Handler: caddy.AdminHandlerFunc(a.top)},
	}
}

func (a *Admin) serve(w http.ResponseWriter, r *http.Request) error {
	rest := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, adminPrefix), "/")
	name, id, one := strings.Cut(rest, "/")
	if name == "" {
		return show(w, r, current().describe())
	}
	source, err := current().Find(name)
	if err != nil {
		return failed(http.StatusNotFound, err)
	}
	if err := source.start(); err != nil {
		return failed(http.StatusServiceUnavailable, err)
	}
	switch {
	case !one:
		return listIDs(w, r, source)
	case r.Method == http.MethodPut:
		return a.put(w, r, source, id)
	case r.Method == http.MethodDelete:
		return a.remove(w, r, source, id)
	default:
		state, err := source.describe(r, id)
		if err != nil {
			return failed(statusOf(err), err)
		}
		return show(w, r, state)
	}
}

// Description is what a source is.
type Description struct {
	Name     string `json:"name"`
	Module   string `json:"module"`
	Writable bool   `json:"writable"` // its tenants can be set and removed
	Listable bool   `json:"listable"` // its tenants can be named
}

func (s *Set) describe() []Description {
	all := []Description{}
	for _, name := range s.Names() {
		source := s.sources[name]
		d := Description{Name: name}
		if module, ok := source.module.(caddy.Module); ok {
			d.Module = string(module.CaddyModule().ID)
		}
		if source.start() == nil {
			_, d.Writable = source.Store()
			_, d.Listable = source.Lister()
		}
		all = append(all, d)
	}
	return all
}

func listIDs(w http.ResponseWriter, r *http.Request, source *Source) error {
	lister, ok := source.Lister()
	if !ok {
		return failed(http.StatusNotImplemented, fmt.Errorf("the tenants of %s cannot be listed", source.Name))
	}
	limit, err := limitOf(r, 1000)
	if err != nil {
		return err
	}
	ids, err := lister.List(r.Context())
	if err != nil {
		return failed(http.StatusServiceUnavailable, err)
	}
	first, found := slices.BinarySearch(ids, r.URL.Query().Get("after"))
	if found {
		first++
	}
	ids = ids[first:]
	return show(w, r, append([]string{}, ids[:min(limit, len(ids))]...))
}

// State is a tenant without its credentials.
type State struct {
	ID          string                    `json:"id"`
	Disabled    bool                      `json:"disabled,omitempty"`
	Credentials map[string]map[string]int `json:"credentials"` // how many of each kind, by endpoint or provider
	Vars        map[string]string         `json:"vars,omitempty"`
	Problems    []string                  `json:"problems,omitempty"` // why it cannot be verified somewhere
}

// describe reads a tenant anew, past what is remembered.
func (s *Source) describe(r *http.Request, id string) (*State, error) {
	found, err := s.read(r, id)
	if err != nil {
		return nil, err
	}
	state := &State{ID: found.ID, Disabled: found.Disabled, Vars: found.Vars, Credentials: make(map[string]map[string]int)}
	for name, c := range found.Credentials {
		state.Credentials[name] = make(map[string]int)
		for kind, n := range map[string]int{
			"secrets": len(c.Secrets), "public_keys": len(c.PublicKeys), "tokens": len(c.Tokens), "basic": len(c.Basic),
		} {
			if n > 0 {
				state.Credentials[name][kind] = n
			}
		}
	}
	state.Problems = s.problems(found)
	return state, nil
}

func (s *Source) read(r *http.Request, id string) (*tenant.Tenant, error) {
	if err := tenant.CheckID(id); err != nil {
		return nil, err
	}
	return s.inner().Tenant(r.Context(), id)
}

// problems says at which endpoints a tenant's webhooks cannot be verified.
func (s *Source) problems(t *tenant.Tenant) []string {
	var problems []string
	used := false
	for _, gate := range s.gates {
		switch verifier, err := gate.Compile(t); {
		case err != nil:
			problems = append(problems, fmt.Sprintf("at the endpoint %s: %v", gate.endpoint, err))
		case verifier != nil:
			used = true
		}
	}
	if !used && len(problems) == 0 && len(s.gates) > 0 {
		problems = append(problems, "it has credentials for no endpoint that takes tenants from here")
	}
	return problems
}

func (a *Admin) put(w http.ResponseWriter, r *http.Request, source *Source, id string) error {
	store, ok := source.Store()
	if !ok {
		return failed(http.StatusNotImplemented, fmt.Errorf("the tenants of %s cannot be written here; change them where they are kept", source.Name))
	}
	document, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return failed(http.StatusRequestEntityTooLarge, errors.New("the tenant's JSON is too large"))
	}
	parsed, err := tenant.Parse(id, document)
	if err != nil {
		return failed(http.StatusBadRequest, err)
	}
	if problems := source.problems(parsed); len(problems) > 0 && r.URL.Query().Get("force") != "true" {
		return failed(http.StatusBadRequest, errors.New(strings.Join(problems, "; ")))
	}
	if err := store.Put(r.Context(), id, document); err != nil {
		return failed(statusOf(err), err)
	}
	source.Forget(id)
	a.logger.Info("a tenant was set", zap.String("source", source.Name), zap.String("tenant", id))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *Admin) remove(w http.ResponseWriter, r *http.Request, source *Source, id string) error {
	store, ok := source.Store()
	if !ok {
		return failed(http.StatusNotImplemented, fmt.Errorf("the tenants of %s cannot be written here; change them where they are kept", source.Name))
	}
	if err := store.Delete(r.Context(), id); err != nil {
		return failed(statusOf(err), err)
	}
	source.Forget(id)
	a.logger.Info("a tenant was removed", zap.String("source", source.Name), zap.String("tenant", id))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *Admin) top(w http.ResponseWriter, r *http.Request) error {
	order := r.URL.Query().Get("order")
	if order == "" {
		order = "noisiest"
	}
	if orders[order] == nil {
		return failed(http.StatusBadRequest, errors.New("order can be noisiest, refused or silent"))
	}
	limit, err := limitOf(r, 20)
	if err != nil {
		return err
	}
	return show(w, r, activities.top(order, limit))
}

func limitOf(r *http.Request, otherwise int) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return otherwise, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxListed {
		return 0, failed(http.StatusBadRequest, fmt.Errorf("limit is a number from 1 to %d", maxListed))
	}
	return limit, nil
}

func statusOf(err error) int {
	_, isBroken := errors.AsType[*tenant.DocumentError](err)
	switch {
	case errors.Is(err, tenant.ErrUnknown):
		return http.StatusNotFound
	case errors.Is(err, tenant.ErrID):
		return http.StatusBadRequest
	case isBroken:
		return http.StatusUnprocessableEntity
	default:
		return http.StatusServiceUnavailable
	}
}

func failed(status int, err error) error { return caddy.APIError{HTTPStatus: status, Err: err} }

// show answers a GET.
func show(w http.ResponseWriter, r *http.Request, value any) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return failed(http.StatusMethodNotAllowed, fmt.Errorf("method %s is not allowed here", r.Method))
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return json.NewEncoder(w).Encode(value)
}

// Interface guards
var (
	_ caddy.AdminRouter = (*Admin)(nil)
	_ caddy.Provisioner = (*Admin)(nil)
)
