package command

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/deliver/bolt"
)

// salvageCommand saves what is intact of a store's damaged file. It asks no running
// Caddy, which could not open the file.
func salvageCommand() *cobra.Command {
	var to string
	var output format
	cmd := strict(&cobra.Command{
		Use:   "salvage <file> [--to <new file>]",
		Short: "Saves the intact webhooks of a store's damaged file",
		Long: "Reads a file that Caddy does not open any more, and saves the webhooks whose checksum is right into a new one, " +
			"with what is known of their deliveries; without --to it only counts them. The damaged file is not changed. Stop Caddy first. " +
			"Webhooks of which the file does not say any more whom they are for may have been delivered before: " +
			"they are dead letters of the destination " + bolt.StrayDestination + ", for `queue move` and `dead requeue`.\n\n" +
			"Exit codes: 0 all was saved, 1 something is lost or was damaged, 2 it could not be read or saved.",
		Args: cobra.ExactArgs(1),
	})
	cmd.Flags().StringVar(&to, "to", "", "The new file")
	output.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return run(func() (int, error) {
			found, err := bolt.Salvage(cmd.Context(), args[0], to)
			if err == nil {
				err = output.print(cmd.OutOrStdout(), found, func(w io.Writer) error { return writeSalvaged(w, found, to) })
			}
			switch {
			case err != nil:
				return exitUsage, err
			case found.Lost > 0 || found.Pages > 0:
				return exitNo, nil
			}
			return 0, nil
		})(cmd, args)
	}
	return cmd
}

func writeSalvaged(w io.Writer, found bolt.Salvaged, to string) error {
	done := "can be saved"
	if to != "" {
		done = "are in " + to
	}
	_, err := fmt.Fprintf(w, "%d that wait, %d dead letters and %d of which it is not known for whom %s\n%d lost, %d damaged pages\n",
		found.Waiting, found.Dead, found.Stray, done, found.Lost, found.Pages)
	return err
}
