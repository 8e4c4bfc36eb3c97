package command

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/tenants"
	"github.com/caddy-webhooks/caddy-webhooks/tenant"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// tenantCommand is "caddy webhooks tenant": the customers whose webhooks arrive.
func tenantCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "tenant",
		Short: "Sets, removes, lists and checks tenants, and shows which are noisiest",
		Long: "Asks a running Caddy, by its admin API, for the tenants of a source, and changes them where the source can be " +
			"written (storage, or a directory). No credential is ever printed.",
	})
	cmd.AddCommand(tenantSetCommand(), tenantRemoveCommand(), tenantListCommand(), tenantCheckCommand(), tenantTopCommand())
	return cmd
}

// tenantAdmin asks the part of the admin API that knows tenants.
type tenantAdmin struct {
	adminFlags
	format
}

func (a *tenantAdmin) add(cmd *cobra.Command) {
	a.adminFlags.add(cmd)
	a.format.add(cmd)
}

// request asks for a path under /webhooks/tenants.
func (a *tenantAdmin) request(method, path string, query url.Values, body []byte, answer any) error {
	return a.call(method, "/webhooks/tenants"+path, query, body, answer)
}

// path is that of a tenant. Its id cannot be another path.
func tenantPath(source, id string) (string, error) {
	if err := tenant.CheckID(id); err != nil {
		return "", err
	}
	return "/" + url.PathEscape(source) + "/" + id, nil
}

func tenantSetCommand() *cobra.Command {
	admin := new(tenantAdmin)
	var force bool
	cmd := strict(&cobra.Command{
		Use:   "set <source> <id> @FILE|-",
		Short: "Makes or replaces a tenant, whose JSON is in a file or on standard input",
		Long: "Makes or replaces a tenant as a whole. Its JSON comes from a file or from standard input, so that no secret is in the " +
			"list of processes or the history of a shell.",
		Args: cobra.ExactArgs(3),
	})
	admin.adminFlags.add(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "Also if it can be verified at no endpoint")
	cmd.ValidArgsFunction = once(admin.tenantSources)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return run(func() (int, error) {
			document, err := documentOf(cmd, args[2])
			if err != nil {
				return exitUsage, err
			}
			if _, err := tenant.Parse(args[1], document); err != nil {
				return exitUsage, err
			}
			path, err := tenantPath(args[0], args[1])
			if err != nil {
				return exitUsage, err
			}
			query := make(url.Values)
			if force {
				query.Set("force", "true")
			}
			return exitCode(admin.request(http.MethodPut, path, query, document, nil))
		})(cmd, args)
	}
	return cmd
}

// documentOf reads a tenant's JSON. It is never taken from the command line itself.
func documentOf(cmd *cobra.Command, from string) ([]byte, error) {
	if from == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	name, ok := strings.CutPrefix(from, "@")
	if !ok {
		return nil, errors.New("the tenant's JSON comes from a file or standard input: write @FILE or -")
	}
	return os.ReadFile(name)
}

// tenantIn reads a tenant out of the file that the flag --tenant names.
func tenantIn(from string) (*tenant.Tenant, error) {
	name, ok := strings.CutPrefix(from, "@")
	if !ok {
		return nil, errors.New("--tenant needs the file of a tenant's JSON, as @FILE")
	}
	document, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return tenant.Parse(strings.TrimSuffix(filepath.Base(name), ".json"), document)
}

// keysOfTenant returns the secrets and public keys of a tenant, for all endpoints.
func keysOfTenant(from string) (keys []string, err error) {
	found, err := tenantIn(from)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(found.Credentials)) {
		keys = append(keys, found.Credentials[name].Secrets...)
		keys = append(keys, found.Credentials[name].PublicKeys...)
	}
	if len(keys) == 0 {
		return nil, errors.New("the tenant has neither secrets nor public keys")
	}
	return keys, nil
}

// useTenant puts the credentials of a tenant, whose JSON is in a file, into the
// configuration of a sender.
func useTenant(from string, spec *verify.Spec, config *verify.Config) error {
	found, err := tenantIn(from)
	if err != nil {
		return err
	}
	credentials, ok := found.For(spec.Name, spec.Name)
	if !ok {
		return fmt.Errorf("the tenant has no credentials for %s", spec.Name)
	}
	if len(config.Secrets)+len(config.Tokens)+len(config.TokenHeaders)+len(config.Basic) > 0 {
		return errors.New("--tenant has the credentials; remove --secret, --token and --basic")
	}
	config.Unverified = false
	return credentials.Apply(spec, config)
}

func tenantRemoveCommand() *cobra.Command {
	admin := new(tenantAdmin)
	cmd := strict(&cobra.Command{
		Use: "rm <source> <id>", Short: "Ends a tenant: its webhooks are refused from then on", Args: cobra.ExactArgs(2),
	})
	admin.adminFlags.add(cmd)
	cmd.ValidArgsFunction = once(admin.tenantSources)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return run(func() (int, error) {
			path, err := tenantPath(args[0], args[1])
			if err != nil {
				return exitUsage, err
			}
			return exitCode(admin.request(http.MethodDelete, path, nil, nil, nil))
		})(cmd, args)
	}
	return cmd
}

func tenantListCommand() *cobra.Command {
	admin := new(tenantAdmin)
	cmd := strict(&cobra.Command{
		Use: "list [<source>]", Short: "Lists the sources of tenants, or the tenants of one", Args: cobra.MaximumNArgs(1),
	})
	admin.add(cmd)
	cmd.ValidArgsFunction = once(admin.tenantSources)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return admin.ask(func(w io.Writer) error {
			if len(args) == 0 {
				return writeSources(w, admin)
			}
			if admin.json {
				ids := []string{}
				err := admin.each(args[0], func(id string) error {
					ids = append(ids, id)
					return nil
				})
				return errors.Join(err, writeJSON(w, ids, "  "))
			}
			return admin.each(args[0], func(id string) error {
				_, err := fmt.Fprintln(w, id)
				return err
			})
		})(cmd, args)
	}
	return cmd
}

func writeSources(w io.Writer, admin *tenantAdmin) error {
	sources := []tenants.Description{}
	if err := admin.request(http.MethodGet, "", nil, nil, &sources); err != nil {
		return err
	}
	return admin.print(w, sources, func(w io.Writer) error { return writeSourceTable(w, sources) })
}

func writeSourceTable(w io.Writer, sources []tenants.Description) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SOURCE\tMODULE\tCAN BE WRITTEN\tCAN BE LISTED")
	for _, s := range sources {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.Name, s.Module, yesNo(s.Writable), yesNo(s.Listable))
	}
	return table.Flush()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// each calls a function with the ids of all tenants of a source.
func (a *tenantAdmin) each(source string, f func(id string) error) error {
	query := url.Values{"limit": {"1000"}}
	for {
		var ids []string
		if err := a.request(http.MethodGet, "/"+url.PathEscape(source), query, nil, &ids); err != nil {
			return err
		}
		for _, id := range ids {
			if err := f(id); err != nil {
				return err
			}
		}
		if len(ids) == 0 {
			return nil
		}
		query.Set("after", ids[len(ids)-1])
	}
}

func tenantCheckCommand() *cobra.Command {
	admin := new(tenantAdmin)
	cmd := strict(&cobra.Command{
		Use:   "check <source> [<id>]",
		Short: "Shows what is known of a tenant, or finds those of a source whose webhooks cannot be verified",
		Args:  cobra.RangeArgs(1, 2),
	})
	admin.add(cmd)
	cmd.ValidArgsFunction = once(admin.tenantSources)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return run(func() (int, error) {
			if len(args) == 2 {
				return checkOne(cmd.OutOrStdout(), admin, args[0], args[1])
			}
			return checkAll(cmd.OutOrStdout(), admin, args[0])
		})(cmd, args)
	}
	return cmd
}

func checkOne(w io.Writer, admin *tenantAdmin, source, id string) (int, error) {
	path, err := tenantPath(source, id)
	if err != nil {
		return exitUsage, err
	}
	var state tenants.State
	if err := admin.request(http.MethodGet, path, nil, nil, &state); err != nil {
		return exitUsage, err
	}
	if err := admin.print(w, state, func(w io.Writer) error { return writeState(w, &state) }); err != nil {
		return exitUsage, err
	}
	if len(state.Problems) > 0 {
		return exitNo, nil
	}
	return 0, nil
}

func writeState(w io.Writer, state *tenants.State) error {
	var out strings.Builder
	fmt.Fprintf(&out, "tenant       %s\ndisabled     %s\n", state.ID, yesNo(state.Disabled))
	for _, name := range slices.Sorted(maps.Keys(state.Credentials)) {
		var kinds []string
		for _, kind := range slices.Sorted(maps.Keys(state.Credentials[name])) {
			kinds = append(kinds, fmt.Sprintf("%s: %d", kind, state.Credentials[name][kind]))
		}
		fmt.Fprintf(&out, "credentials  %s (%s)\n", printable(name), strings.Join(kinds, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(state.Vars)) {
		fmt.Fprintf(&out, "var          %s = %s\n", name, printable(state.Vars[name]))
	}
	for _, problem := range state.Problems {
		fmt.Fprintf(&out, "problem      %s\n", printable(problem))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// checked is how the tenants of a source are.
type checked struct {
	Tenants  int                 `json:"tenants"`
	Problems map[string][]string `json:"problems"` // by tenant; only of those that have some
}

func checkAll(w io.Writer, admin *tenantAdmin, source string) (int, error) {
	found := checked{Problems: make(map[string][]string)}
	err := admin.each(source, func(id string) error {
		found.Tenants++
		path, err := tenantPath(source, id)
		if err != nil {
			return err
		}
		var state tenants.State
		if err := admin.request(http.MethodGet, path, nil, nil, &state); err != nil {
			state.Problems = []string{err.Error()}
		}
		if len(state.Problems) > 0 {
			found.Problems[id] = state.Problems
		}
		return nil
	})
	if err != nil {
		return exitUsage, err
	}
	if err := admin.print(w, found, found.write); err != nil {
		return exitUsage, err
	}
	if len(found.Problems) > 0 {
		return exitNo, nil
	}
	return 0, nil
}

func (c *checked) write(w io.Writer) error {
	for _, id := range slices.Sorted(maps.Keys(c.Problems)) {
		fmt.Fprintf(w, "%s: %s\n", id, printable(strings.Join(c.Problems[id], "; ")))
	}
	_, err := fmt.Fprintf(w, "%d tenants, %d with problems\n", c.Tenants, len(c.Problems))
	return err
}

func tenantTopCommand() *cobra.Command {
	admin := new(tenantAdmin)
	var order string
	var limit int
	cmd := strict(&cobra.Command{
		Use:   "top",
		Short: "Shows which tenants send most, are refused most, or have been silent longest, since Caddy began",
		Args:  cobra.NoArgs,
	})
	admin.add(cmd)
	cmd.Flags().StringVar(&order, "order", "noisiest", "noisiest, refused or silent")
	cmd.Flags().IntVar(&limit, "limit", 20, "How many to show at most")
	cmd.RunE = admin.ask(func(w io.Writer) error {
		top := []tenants.Activity{}
		query := url.Values{"order": {order}, "limit": {fmt.Sprint(limit)}}
		if err := admin.request(http.MethodGet, "-top", query, nil, &top); err != nil {
			return err
		}
		return admin.print(w, top, func(w io.Writer) error { return writeTop(w, top) })
	})
	return cmd
}

func writeTop(w io.Writer, top []tenants.Activity) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TENANT\tSOURCE\tVERIFIED\tREFUSED\tLAST VERIFIED\tLAST REFUSED FOR\tLAST AT")
	for i := range top {
		a := &top[i]
		last := "never"
		if !a.Last.IsZero() {
			last = a.Last.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t%s\t%s\n", a.Tenant, a.Source, a.Verified, a.Refused, last, a.Reason, printable(a.Endpoint))
	}
	return table.Flush()
}
