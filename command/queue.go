package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/delivery"
)

// queueCommand is "caddy webhooks queue": what webhook_deliver keeps.
func queueCommand() *cobra.Command {
	admin := new(queueAdmin)
	cmd := strict(&cobra.Command{
		Use:   "queue",
		Short: "Shows how many webhooks wait for each destination, and for how long",
		Long:  "Asks a running Caddy, by its admin API, what webhook_deliver keeps.",
		Args:  cobra.NoArgs,
	})
	admin.add(cmd)
	cmd.RunE = admin.ask(func(w io.Writer) error {
		queues := []delivery.Queue{}
		if err := admin.request(http.MethodGet, "", nil, &queues); err != nil {
			return err
		}
		return admin.print(w, queues, func(w io.Writer) error { return writeQueues(w, queues) })
	})
	cmd.AddCommand(
		entriesCommand("list", "Lists deliveries that wait", deliver.Waiting),
		change{"purge", "deleted", "drop", ""}.command("Deletes deliveries, waiting and dead, for good"),
		change{"retry", "made due", "retry", deliver.Waiting}.command("Makes waiting deliveries due at once, with the attempts they have had"),
		namedCommand("pause", "destination paused", "Has nothing attempted at a destination, until it is resumed", "destination"),
		namedCommand("resume", "destination resumed", "Has a destination that was paused attempted again", "destination"),
		namedCommand("move", "moved", "Gives what is kept for one destination to another, such as one that was renamed", "from", "to"),
		salvageCommand(),
	)
	return cmd
}

// deadCommand is "caddy webhooks dead": dead letters.
func deadCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "dead",
		Short: "Lists, shows, requeues and deletes dead letters",
		Long: "Asks a running Caddy, by its admin API, for the webhooks that webhook_deliver has given up. " +
			"They are kept until they are requeued, dropped or too old.",
	})
	requeue := change{"requeue", "requeued", "requeue", deliver.Dead}.command("Makes dead letters due at once")
	requeue.Aliases = []string{"replay"} // its name of old, which also means copies that are refused
	cmd.AddCommand(
		entriesCommand("list", "Lists dead letters", deliver.Dead),
		showCommand(),
		requeue,
		change{"drop", "dropped", "drop", deliver.Dead}.command("Deletes dead letters for good"),
	)
	return cmd
}

// queueAdmin asks the part of the admin API that knows what webhook_deliver keeps.
type queueAdmin struct {
	adminFlags
	format
}

func (a *queueAdmin) add(cmd *cobra.Command) {
	a.adminFlags.add(cmd)
	a.format.add(cmd)
}

// request asks for a path under /webhooks/queue.
func (a *queueAdmin) request(method, path string, query url.Values, answer any) error {
	return a.call(method, "/webhooks/queue"+path, query, nil, answer)
}

// filterFlags choose deliveries.
type filterFlags struct {
	id, ref, destination, provider, event, since, until string
	all                                                 bool
}

func (f *filterFlags) add(cmd *cobra.Command, admin *adminFlags) {
	cmd.Flags().StringVar(&f.id, "id", "", "Only those with this delivery id")
	cmd.Flags().StringVar(&f.ref, "ref", "", "Only the one with this ref, as listed")
	cmd.Flags().StringVar(&f.destination, "destination", "", "Only those for this destination")
	cmd.Flags().StringVar(&f.provider, "provider", "", "Only those of this provider")
	cmd.Flags().StringVar(&f.event, "event", "", "Only those of this event")
	cmd.Flags().StringVar(&f.since, "since", "", "Only those stored at this time (RFC 3339, or how long ago: 24h, 7d) or later")
	cmd.Flags().StringVar(&f.until, "until", "", "Only those stored before this time (likewise)")
	completeFlag(cmd, "destination", offer(func([]string) []string { return admin.destinations() }))
	completeFlag(cmd, "provider", offer(admin.configuredProviders))
	completeFlag(cmd, "event", offer(func([]string) []string { return eventsOf(f.provider) }))
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
	return query, setMoments(query, f.since, f.until)
}

// setMoments puts the moments of the flags --since and --until, if they are given, into a
// query.
func setMoments(query url.Values, since, until string) error {
	for _, moment := range [][2]string{{"since", since}, {"until", until}} {
		text, err := momentOf(moment[1])
		if err != nil {
			return fmt.Errorf("--%s: %w", moment[0], err)
		}
		if text != "" {
			query.Set(moment[0], text)
		}
	}
	return nil
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
	admin, filter := new(queueAdmin), new(filterFlags)
	var limit int
	cmd := strict(&cobra.Command{Use: name, Short: short, Args: cobra.NoArgs})
	admin.add(cmd)
	filter.add(cmd, &admin.adminFlags)
	cmd.Flags().IntVar(&limit, "limit", 100, "How many to list at most, the oldest first")
	cmd.RunE = admin.ask(func(w io.Writer) error {
		query, err := filter.query(state)
		if err != nil {
			return err
		}
		entries := []deliver.Entry{}
		for len(entries) < limit {
			query.Set("limit", fmt.Sprint(min(limit-len(entries), 1000)))
			var page []deliver.Entry
			if err := admin.request(http.MethodGet, "/entries", query, &page); err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			entries = append(entries, page...)
			query.Set("after", page[len(page)-1].Ref)
		}
		return admin.print(w, entries, func(w io.Writer) error { return writeEntries(w, entries) })
	})
	return cmd
}

// change is a command that changes deliveries in a state, or in any.
type change struct {
	name, done, path string // done is what it says that was done to them
	state            deliver.State
}

func (c change) command(short string) *cobra.Command {
	admin, filter := new(queueAdmin), new(filterFlags)
	cmd := strict(&cobra.Command{
		Use:   c.name + " [<ref>...]",
		Short: short,
		Long:  short + ": those with the refs, as listed, or those that the flags choose.\n\nExit codes: 0 it was done, 1 nothing was found, 2 it could not be asked for.",
		Args:  cobra.ArbitraryArgs,
	})
	admin.add(cmd)
	filter.add(cmd, &admin.adminFlags)
	cmd.Flags().BoolVar(&filter.all, "all", false, "All there are")
	cmd.RunE = func(cmd *cobra.Command, refs []string) error {
		return admin.ask(func(w io.Writer) error {
			if len(refs) == 0 {
				refs = []string{filter.ref}
			} else if filter.ref != "" {
				return errors.New("give refs or --ref, not both")
			}
			total := 0
			for _, filter.ref = range refs {
				query, err := filter.query(c.state)
				if err != nil {
					return err
				}
				var changed delivery.QueueChange
				if err := admin.request(http.MethodPost, "/"+c.path, query, &changed); err != nil {
					return err
				}
				if changed.Count == 0 && len(refs) > 1 {
					cmd.PrintErrf("%s: there is no such delivery\n", filter.ref)
				}
				total += changed.Count
			}
			return admin.tell(w, total, c.done)
		})(cmd, refs)
	}
	return cmd
}

// tell prints how many there were. None is a no.
func (a *queueAdmin) tell(w io.Writer, count int, done string) error {
	err := a.print(w, delivery.QueueChange{Count: count}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%d %s\n", count, done)
		return err
	})
	if err == nil && count == 0 {
		return errNo
	}
	return err
}

// namedCommand changes what it is given names for, and says how many that were.
func namedCommand(name, done, short string, parameters ...string) *cobra.Command {
	admin := new(queueAdmin)
	cmd := strict(&cobra.Command{
		Use: name + " <" + strings.Join(parameters, "> <") + ">", Short: short, Args: cobra.ExactArgs(len(parameters)),
		ValidArgsFunction: offer(func([]string) []string { return admin.destinations() }),
	})
	admin.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return admin.ask(func(w io.Writer) error {
			query := make(url.Values)
			for i, parameter := range parameters {
				query.Set(parameter, args[i])
			}
			var changed delivery.QueueChange
			if err := admin.request(http.MethodPost, "/"+name, query, &changed); err != nil {
				return err
			}
			return admin.tell(w, changed.Count, done)
		})(cmd, args)
	}
	return cmd
}

// shownRecord is a stored webhook with what became of it.
type shownRecord struct {
	deliver.Entry
	Record delivery.QueueRecord `json:"record"`
}

// showCommand prints one delivery with its payload.
func showCommand() *cobra.Command {
	admin := new(queueAdmin)
	cmd := strict(&cobra.Command{
		Use: "show <ref>", Short: "Shows a delivery with its payload, by its ref", Args: cobra.ExactArgs(1),
	})
	admin.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return admin.ask(func(w io.Writer) error {
			var shown shownRecord
			query := url.Values{"ref": args}
			if err := admin.request(http.MethodGet, "/record", query, &shown.Record); err != nil {
				return err
			}
			if shown.Record.Record == nil {
				return errors.New("the answer holds no webhook")
			}
			var entries []deliver.Entry
			if err := admin.request(http.MethodGet, "/entries", query, &entries); err != nil {
				return err
			}
			if len(entries) == 1 {
				shown.Entry = entries[0]
			}
			return admin.print(w, shown, func(w io.Writer) error { return writeRecord(w, &shown) })
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
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", e.Ref, e.Stored.UTC().Format(time.RFC3339),
			e.Destination, e.Provider, printable(e.Event), printable(e.ID), e.Attempts, e.Size, failure(e))
	}
	return table.Flush()
}

// failure says how the last attempt ended, or why there was none.
func failure(e *deliver.Entry) string {
	switch {
	case e.Held && e.Failure == (deliver.Failure{}):
		return "held by an earlier one with its key"
	case e.Status == 0:
		return printable(e.Reason)
	}
	return printable(fmt.Sprintf("%d %s", e.Status, e.Reason))
}

// writeRecord prints a webhook as it is stored: what is known, the request with
// its headers, an empty line, and the payload as it is.
func writeRecord(w io.Writer, shown *shownRecord) error {
	record := &shown.Record
	for _, row := range [][2]string{
		{"id", record.ID},
		{"provider", record.Provider},
		{"event", record.Event},
		{"received", record.Received.UTC().Format(time.RFC3339)},
		{"destination", shown.Destination},
		{"state", string(shown.State)},
		{"attempts", fmt.Sprint(shown.Attempts)},
		{"last failure", failure(&shown.Entry)},
	} {
		if row[1] != "" {
			fmt.Fprintf(w, "%-13s %s\n", row[0], printable(row[1]))
		}
	}
	var request struct {
		Method string
		URL    string
		Host   string
		Header http.Header
	}
	if err := json.Unmarshal(record.Request, &request); err != nil {
		return fmt.Errorf("the stored request cannot be read: %w", err)
	}
	fmt.Fprintf(w, "\n%s %s\nHost: %s\n", printable(request.Method), printable(request.URL), printable(request.Host))
	for _, name := range slices.Sorted(maps.Keys(request.Header)) {
		for _, value := range request.Header[name] {
			fmt.Fprintf(w, "%s: %s\n", printable(name), printable(value))
		}
	}
	fmt.Fprintln(w)
	_, err := w.Write(record.Body)
	return err
}
