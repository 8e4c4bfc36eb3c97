package command

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/internal/version"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// versions are those of what this program was built of, and what it knows.
type versions struct {
	Version   string         `json:"version"` // of this module
	Caddy     string         `json:"caddy"`
	Go        string         `json:"go"`
	Providers int            `json:"providers"`
	Evidence  map[string]int `json:"evidence"` // how many providers are proven so at best
}

func versionCommand() *cobra.Command {
	format := new(format)
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Says which version of this module it is, and how many providers it knows",
		Args:  cobra.NoArgs,
	}
	format.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return run(func() (int, error) {
			v := thisVersion()
			err := format.print(cmd.OutOrStdout(), v, func(out io.Writer) error { return v.write(out) })
			return exitCode(err)
		})(cmd, args)
	}
	return cmd
}

func thisVersion() *versions {
	names := verify.BuiltinNames()
	v := &versions{Version: version.Module(), Go: runtime.Version(), Providers: len(names), Evidence: make(map[string]int)}
	v.Caddy, _ = caddy.Version()
	for _, name := range names {
		if spec, ok := verify.Builtin(name); ok {
			v.Evidence[spec.Proof()]++
		}
	}
	return v
}

func (v *versions) write(out io.Writer) error {
	var proofs []string
	for _, kind := range verify.EvidenceKinds {
		if n := v.Evidence[kind]; n > 0 {
			proofs = append(proofs, fmt.Sprintf("%d by %s", n, kind))
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "caddy-webhooks\t%s\nCaddy\t%s\nGo\t%s\nproviders\t%d: %s\n", v.Version, v.Caddy, v.Go, v.Providers, strings.Join(proofs, ", "))
	return table.Flush()
}
