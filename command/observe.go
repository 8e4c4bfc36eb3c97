package command

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
)

func observeCommand() *cobra.Command {
	admin, format := new(adminFlags), new(format)
	cmd := &cobra.Command{
		Use:   "observe",
		Short: "Says what endpoints with observe would have refused, and whether they can begin to",
		Long: `Asks a running Caddy, by its admin API, what has come to its endpoints with observe.

PASSED were verified. WOULD REFUSE were not. TAKEN are those of them that the app
did not refuse itself, by a status from 400 to 499: it would miss them. An
endpoint is safe if something was verified and nothing would be missed, since it
has had its configuration and credentials, or since Caddy was started.

Exit codes: 0 all of them are safe, 1 one is not, 2 Caddy could not be asked.`,
		Args: cobra.NoArgs,
	}
	admin.add(cmd)
	format.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return run(func() (int, error) {
			var states []observe.ObservedState
			if err := admin.call(http.MethodGet, "/webhooks/observe", nil, nil, &states); err != nil {
				return exitUsage, err
			}
			out := cmd.OutOrStdout()
			if err := format.print(out, states, func(out io.Writer) error { return writeObserved(out, states) }); err != nil {
				return exitUsage, err
			}
			if slices.ContainsFunc(states, func(s observe.ObservedState) bool { return !s.Safe }) {
				return exitNo, nil
			}
			return 0, nil
		})(cmd, args)
	}
	return cmd
}

// writeObserved prints a table, and why requests would have been refused.
func writeObserved(out io.Writer, states []observe.ObservedState) error {
	if len(states) == 0 {
		_, err := fmt.Fprintln(out, "no endpoint has observe")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROVIDER\tENDPOINT\tSINCE\tPASSED\tWOULD REFUSE\tTAKEN\tSAFE")
	for i := range states {
		s := &states[i]
		safe, refused := "no", uint64(0)
		if s.Safe {
			safe = "yes"
		}
		for _, n := range s.WouldRefuse {
			refused += n
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%s\n", s.Provider, printable(s.Endpoint), s.Since.UTC().Format(time.RFC3339),
			s.Passed, refused, s.Taken, safe)
		for _, reason := range slices.Sorted(maps.Keys(s.WouldRefuse)) {
			fmt.Fprintf(table, "\t\t\t\t  %s\t%d\n", reason, s.WouldRefuse[reason])
		}
	}
	return table.Flush()
}
