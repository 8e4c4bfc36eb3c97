package command

import (
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/delivery"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/tenants"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// completion offers the names that may stand somewhere. It is what a shell asks for
// while a line is typed, so it is silent about errors.
type completion = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// offer makes a completion of a function that lists names.
func offer(names func(args []string) []string) completion {
	return func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		fitting := slices.DeleteFunc(slices.Clone(names(args)), func(name string) bool { return !strings.HasPrefix(name, begun) })
		return fitting, cobra.ShellCompDirectiveNoFileComp
	}
}

// once offers names for the first argument only.
func once(names func() []string) completion {
	return offer(func(args []string) []string {
		if len(args) > 0 {
			return nil
		}
		return names()
	})
}

// completeFlag offers names for a flag. That the flag is not there would be an error
// of this program.
func completeFlag(cmd *cobra.Command, flag string, complete completion) {
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err)
	}
}

// eventsOf lists the events of the provider that a line names.
func eventsOf(provider string) []string {
	spec, ok := verify.Builtin(provider)
	if !ok {
		return nil
	}
	return spec.Events
}

// endpoint is what the admin API says of one.
type endpoint struct {
	Provider string `json:"provider"`
	Endpoint string `json:"endpoint"`
}

// endpoints lists what a running Caddy has.
func (f *adminFlags) endpoints() []endpoint {
	var found []endpoint
	_ = f.call(http.MethodGet, "/webhooks/providers", nil, nil, &found)
	return found
}

// endpointNames and configuredProviders list those of a running Caddy.
func (f *adminFlags) endpointNames([]string) []string {
	var names []string
	for _, e := range f.endpoints() {
		names = append(names, e.Endpoint)
	}
	return names
}

func (f *adminFlags) configuredProviders([]string) []string {
	var names []string
	for _, e := range f.endpoints() {
		names = append(names, e.Provider)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// destinations lists those of a running Caddy.
func (f *adminFlags) destinations() []string {
	var queues []delivery.Queue
	_ = f.call(http.MethodGet, "/webhooks/queue", nil, nil, &queues)
	names := make([]string, len(queues))
	for i := range queues {
		names[i] = queues[i].Destination
	}
	return names
}

// tenantSources lists those of a running Caddy.
func (f *adminFlags) tenantSources() []string {
	var sources []tenants.Description
	_ = f.call(http.MethodGet, "/webhooks/tenants", nil, nil, &sources)
	names := make([]string, len(sources))
	for i := range sources {
		names[i] = sources[i].Name
	}
	return names
}
