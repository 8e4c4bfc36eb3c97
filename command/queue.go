package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/delivery"
)

// queueCommand is "caddy webhooks queue": what webhook_deliver keeps.
func queueCommand() *cobra.Command {
	admin := new(adminFlags)
	cmd := strict(&cobra.Command{
		Use:   "queue",
		Short: "Shows how many webhooks wait for each destination, and for how long",
		Long:  "Asks a running Caddy, by its admin API, what webhook_deliver keeps.",
		Args:  cobra.NoArgs,
	})
	admin.add(cmd)
	cmd.RunE = admin.ask(func(w io.Writer) error {
		var queues []delivery.Queue
		if err := admin.get("", nil, &queues); err != nil {
			return err
		}
		return writeQueues(w, queues)
	})
	cmd.AddCommand(
		entriesCommand("list", "Lists deliveries that wait", deliver.Waiting),
		changeCommand("purge", "Deletes deliveries, waiting and dead, for good", "drop", ""),
		changeCommand("retry", "Makes waiting deliveries due at once, with the attempts they have had", "retry", deliver.Waiting),
		namedCommand("pause", "Has nothing attempted at a destination, until it is resumed", "destination"),
		namedCommand("resume", "Has a destination that was paused attempted again", "destination"),
		namedCommand("move", "Gives what is kept for one destination to another, such as one that was renamed", "from", "to"),
	)
	return cmd
}

// deadCommand is "caddy webhooks dead": dead letters.
func deadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "Lists, shows, requeues and deletes dead letters",
		Long: "Asks a running Caddy, by its admin API, for the webhooks that webhook_deliver has given up. " +
			"They are kept until they are requeued, dropped or too old.",
		Args: cobra.NoArgs,
	}
	requeue := changeCommand("requeue", "Makes dead letters due at once", "requeue", deliver.Dead)
	requeue.Aliases = []string{"replay"} // its name of old, which also means copies that are refused
	cmd.AddCommand(
		entriesCommand("list", "Lists dead letters", deliver.Dead),
		showCommand(),
		requeue,
		changeCommand("drop", "Deletes dead letters for good", "drop", deliver.Dead),
	)
	return cmd
}

// adminFlags say where the admin API is.
type adminFlags struct{ address, config, adapter string }

func (f *adminFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.address, "address", "", "The address of the admin API")
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "The configuration to take the address from")
	cmd.Flags().StringVarP(&f.adapter, "adapter", "a", "", "The adapter of the configuration")
}

// ask makes a cobra function of one that prints what the admin API answers.
func (f *adminFlags) ask(print func(io.Writer) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return run(func() (int, error) { return exitCode(print(cmd.OutOrStdout())) })(cmd, args)
	}
}

func (f *adminFlags) get(path string, query url.Values, answer any) error {
	return f.request(http.MethodGet, path, query, answer)
}

// request asks for a path under /webhooks/queue, and reads the JSON that is the
// answer.
func (f *adminFlags) request(method, path string, query url.Values, answer any) error {
	address, err := caddycmd.DetermineAdminAPIAddress(f.address, nil, f.config, f.adapter)
	if err != nil {
		return err
	}
	uri := "/webhooks/queue" + path
	if len(query) > 0 {
		uri += "?" + query.Encode()
	}
	response, err := caddycmd.AdminAPIRequest(address, method, uri, nil, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(answer)
}

// filterFlags choose deliveries.
type filterFlags struct {
	id, ref, destination, provider, event, since, until string
	all                                                 bool
}

func (f *filterFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.id, "id", "", "Only those with this delivery id")
	cmd.Flags().StringVar(&f.ref, "ref", "", "Only the one with this ref, as listed")
	cmd.Flags().StringVar(&f.destination, "destination", "", "Only those for this destination")
	cmd.Flags().StringVar(&f.provider, "provider", "", "Only those of this provider")
	cmd.Flags().StringVar(&f.event, "event", "", "Only those of this event")
	cmd.Flags().StringVar(&f.since, "since", "", "Only those stored at this time (RFC 3339, or how long ago: 24h, 7d) or later")
	cmd.Flags().StringVar(&f.until, "until", "", "Only those stored before this time (likewise)")
}

// query returns what was chosen, of those in a state.
func (f *filterFlags) query(state deliver.State) (url.Values, error) {
	query := make(url.Values)
	add := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	add("state", string(state))
	add("id", f.id)
	add("ref", f.ref)
	add("destination", f.destination)
	add("provider", f.provider)
	add("event", f.event)
	if f.all {
		add("all", "true")
	}
	for _, moment := range [][2]string{{"since", f.since}, {"until", f.until}} {
		text, err := momentOf(moment[1])
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", moment[0], err)
		}
		add(moment[0], text)
	}
	return query, nil
}

// momentOf reads a time, or how long ago it was.
func momentOf(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if ago, err := caddy.ParseDuration(text); err == nil && ago >= 0 {
		return time.Now().Add(-ago).UTC().Format(time.RFC3339), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "", fmt.Errorf("%q is neither a time such as 2026-01-31T12:00:00Z nor a duration such as 24h", text)
	}
	return at.Format(time.RFC3339), nil
}

// entriesCommand lists deliveries in a state.
func entriesCommand(name, short string, state deliver.State) *cobra.Command {
	admin, filter := new(adminFlags), new(filterFlags)
	var limit int
	cmd := strict(&cobra.Command{Use: name, Short: short, Args: cobra.NoArgs})
	admin.add(cmd)
	filter.add(cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "How many to list at most, the oldest first")
	cmd.RunE = admin.ask(func(w io.Writer) error {
		query, err := filter.query(state)
		if err != nil {
			return err
		}
		var entries []deliver.Entry
		for len(entries) < limit {
			query.Set("limit", fmt.Sprint(min(limit-len(entries), 1000)))
			var page []deliver.Entry
			if err := admin.get("/entries", query, &page); err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			entries = append(entries, page...)
			query.Set("after", page[len(page)-1].Ref)
		}
		return writeEntries(w, entries)
	})
	return cmd
}

// changeCommand changes deliveries in a state, or in any.
func changeCommand(name, short, path string, state deliver.State) *cobra.Command {
	admin, filter := new(adminFlags), new(filterFlags)
	cmd := strict(&cobra.Command{Use: name, Short: short, Args: cobra.NoArgs})
	admin.add(cmd)
	filter.add(cmd)
	cmd.Flags().BoolVar(&filter.all, "all", false, "All there are")
	cmd.RunE = admin.ask(func(w io.Writer) error {
		query, err := filter.query(state)
		if err != nil {
			return err
		}
		var change delivery.QueueChange
		if err := admin.request(http.MethodPost, "/"+path, query, &change); err != nil {
			return err
		}
		_, err = fmt.Fprintln(w, change.Count)
		return err
	})
	return cmd
}

// namedCommand changes what it is given names for, and prints how many that were.
func namedCommand(name, short string, parameters ...string) *cobra.Command {
	admin := new(adminFlags)
	cmd := strict(&cobra.Command{
		Use: name + " <" + strings.Join(parameters, "> <") + ">", Short: short, Args: cobra.ExactArgs(len(parameters)),
	})
	admin.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return admin.ask(func(w io.Writer) error {
			query := make(url.Values)
			for i, parameter := range parameters {
				query.Set(parameter, args[i])
			}
			var change delivery.QueueChange
			if err := admin.request(http.MethodPost, "/"+name, query, &change); err != nil {
				return err
			}
			_, err := fmt.Fprintln(w, change.Count)
			return err
		})(cmd, args)
	}
	return cmd
}

// showCommand prints one delivery with its payload.
func showCommand() *cobra.Command {
	admin := new(adminFlags)
	cmd := strict(&cobra.Command{
		Use: "show <ref>", Short: "Shows a delivery with its payload, by its ref", Args: cobra.ExactArgs(1),
	})
	admin.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return admin.ask(func(w io.Writer) error {
			var record delivery.QueueRecord
			if err := admin.get("/record", url.Values{"ref": args}, &record); err != nil {
				return err
			}
			return writeRecord(w, &record)
		})(cmd, args)
	}
	return cmd
}

func writeQueues(w io.Writer, queues []delivery.Queue) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "DESTINATION\tWAITING\tOLDEST\tDEAD\t")
	for i := range queues {
		q := &queues[i]
		age, notes := "-", []string{}
		if q.Waiting > 0 {
			age = time.Duration(q.Age * float64(time.Second)).Round(time.Second).String()
		}
		switch {
		case q.Store != "":
			notes = append(notes, "in "+q.Store+", which is not in the configuration")
		case !q.Configured:
			notes = append(notes, "not in the configuration")
		}
		if q.Paused {
			notes = append(notes, "paused")
		}
		if q.Down {
			notes = append(notes, "down")
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%s\n", q.Destination, q.Waiting, age, q.Dead, strings.Join(notes, ", "))
	}
	return table.Flush()
}

func writeEntries(w io.Writer, entries []deliver.Entry) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "REF\tSTORED\tDESTINATION\tPROVIDER\tEVENT\tID\tATTEMPTS\tSIZE\tLAST FAILURE")
	for i := range entries {
		e := &entries[i]
		failure := e.Reason
		if e.Status != 0 {
			failure = fmt.Sprintf("%d %s", e.Status, e.Reason)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", e.Ref, e.Stored.UTC().Format(time.RFC3339),
			e.Destination, e.Provider, printable(e.Event), printable(e.ID), e.Attempts, e.Size, printable(failure))
	}
	return table.Flush()
}

// writeRecord prints a webhook as it is stored: what is known, an empty line,
// and the payload as it is.
func writeRecord(w io.Writer, record *delivery.QueueRecord) error {
	if record.Record == nil {
		return errors.New("the answer holds no webhook")
	}
	fmt.Fprintf(w, "id        %s\nprovider  %s\nevent     %s\nreceived  %s\nrequest   %s\n\n", printable(record.ID), record.Provider,
		printable(record.Event), record.Received.UTC().Format(time.RFC3339), printable(string(record.Request)))
	_, err := w.Write(record.Body)
	return err
}
