package command

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/internal/hooksfile"
)

func importCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Makes a Caddyfile of the hooks.json, or YAML, of adnanh/webhook",
		Long: `Prints a Caddyfile that lets through what the hooks of adnanh/webhook let through.
A rule that has no equivalent closes its hook: a comment says why, and requests
are answered with 501. No secret is copied; the Caddyfile reads them from the
environment.

Exit codes: 0 all hooks were taken over, 1 some are closed, 2 the file cannot be read.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return run(func() (int, error) {
				content, err := os.ReadFile(args[0])
				if err != nil {
					return exitUsage, err
				}
				hooks, err := hooksfile.Read(content)
				if err != nil {
					return exitUsage, fmt.Errorf("%s: %w", args[0], err)
				}
				closed, err := hooksfile.Write(cmd.OutOrStdout(), hooks)
				if err != nil {
					return exitUsage, err
				}
				if closed > 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "%d of %d hooks are closed; the comments say why\n", closed, len(hooks))
					return exitNo, nil
				}
				return 0, nil
			})(cmd, args)
		},
	}
}
