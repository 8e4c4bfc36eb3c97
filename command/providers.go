package command

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

func providersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "providers",
		Short: "Lists the built-in providers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listProviders(cmd.OutOrStdout())
		},
	}
}

// listProviders prints a table of the built-in providers.
func listProviders(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROVIDER\tCREDENTIALS\tSIGNED\tEVENT\tDOCS")
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		provider, err := verify.Compile(spec)
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", name, strings.Join(spec.Credentials, " "),
			signed(provider), events(spec), spec.Docs)
	}
	return table.Flush()
}

// signed says in a word or by field names what a provider signs.
func signed(p *verify.Provider) string {
	if p.Coverage() == verify.SignedNothing {
		return "nothing"
	}
	return strings.Join(p.SignedFields(), ", ")
}

// events says where a provider names its events.
func events(spec *verify.Spec) string {
	var places []string
	for _, source := range spec.Event {
		if strings.HasPrefix(source, "=") {
			source = "(expression)"
		}
		places = append(places, source)
	}
	return strings.Join(places, ", ")
}
