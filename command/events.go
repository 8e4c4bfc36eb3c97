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

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/history"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
)

// eventsCommand is "caddy webhooks events": what the archive keeps.
func eventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Finds, shows, exports, resends and erases the webhooks that the archive keeps",
		Long: "Asks a running Caddy, by its admin API, for the webhooks that came. The configuration has to say archive.\n\n" +
			"Events are chosen by their refs, as listed, or by the flags.",
	}
	group(cmd)
	cmd.AddCommand(eventsListCommand(), eventsShowCommand(), eventsExportCommand(), eventsResendCommand(), eventsPurgeCommand())
	return cmd
}

// eventsAdmin asks the part of the admin API that knows the archive.
type eventsAdmin struct {
	adminFlags
	format
}

// eventsPath begins the paths of that part.
const eventsPath = "/webhooks/events"

func (a *eventsAdmin) add(cmd *cobra.Command) {
	a.adminFlags.add(cmd)
	a.format.add(cmd)
}

// post has the archive do something. The selectors are in the body, which no log shows.
func (a *eventsAdmin) post(path string, selectors url.Values, answer any) error {
	body, err := json.Marshal(selectors)
	if err != nil {
		return err
	}
	return a.call(http.MethodPost, eventsPath+path, nil, body, answer)
}

// get returns an event as a whole.
func (a *eventsAdmin) get(ref string) (*history.Event, error) {
	event := new(history.Event)
	return event, a.call(http.MethodGet, eventsPath+"/"+url.PathEscape(ref), nil, nil, event)
}

// request returns the request of an event, as HTTP/1.1 has it.
func (f *adminFlags) request(ref string) ([]byte, error) {
	address, err := f.find()
	if err != nil {
		return nil, err
	}
	response, err := adminRequest(address, http.MethodGet, eventsPath+"/"+url.PathEscape(ref)+"/request", nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

// selectFlags choose events.
type selectFlags struct {
	id, provider, endpoint, tenant, event, outcome, status, since, until, where, text string
	refused                                                                           bool
}

func (f *selectFlags) add(cmd *cobra.Command, admin *adminFlags) {
	cmd.Flags().StringVar(&f.id, "id", "", "Only those with this delivery id")
	cmd.Flags().StringVar(&f.provider, "provider", "", "Only those of this provider")
	cmd.Flags().StringVar(&f.endpoint, "endpoint", "", "Only those that came to the endpoint of this name")
	cmd.Flags().StringVar(&f.tenant, "tenant", "", "Only those of the tenant with this id")
	cmd.Flags().StringVar(&f.event, "event", "", "Only events of this name; * stands for any characters")
	cmd.Flags().StringVar(&f.outcome, "outcome", "", "Only those that came to this, such as accepted, dead or bad_signature")
	cmd.Flags().StringVar(&f.status, "status", "", "Only those that were answered with this status, or this class of them: 503, 5xx")
	cmd.Flags().StringVar(&f.since, "since", "", "Only those that came at this time (RFC 3339, or how long ago: 24h, 7d) or later")
	cmd.Flags().StringVar(&f.until, "until", "", "Only those that came before this time (likewise)")
	cmd.Flags().StringVar(&f.where, "where", "", "Only those for which this expression holds, such as 'body.total > 100'")
	cmd.Flags().StringVar(&f.text, "text", "", "Only those with this text in the id or the payload")
	cmd.Flags().BoolVar(&f.refused, "refused", false, "Only those that were refused, and are in quarantine")
	completeFlag(cmd, "endpoint", offer(admin.endpointNames))
	completeFlag(cmd, "provider", offer(admin.configuredProviders))
	completeFlag(cmd, "outcome", offer(func([]string) []string {
		return append([]string{archive.Delivered, archive.Dead, archive.Resent}, observe.Outcomes...)
	}))
}

// selectors returns what was chosen, by refs if there are any.
func (f *selectFlags) selectors(refs []string) (url.Values, error) {
	selectors := make(url.Values)
	for name, value := range map[string]string{
		"id": f.id, "provider": f.provider, "endpoint": f.endpoint, "tenant": f.tenant, "event": f.event, "outcome": f.outcome,
		"status": f.status, "where": f.where, "text": f.text,
	} {
		if value != "" {
			selectors.Set(name, value)
		}
	}
	if f.refused {
		selectors.Set("refused", "true")
	}
	if err := setMoments(selectors, f.since, f.until); err != nil {
		return nil, err
	}
	if len(refs) > 0 {
		selectors["ref"] = refs
	}
	return selectors, nil
}

// maxPage is how many events one answer has at most.
const maxPage = 1000

// find returns what is chosen, those that came last first, and at most limit of it.
func (a *eventsAdmin) find(selectors url.Values, limit int) ([]*archive.Summary, error) {
	events := []*archive.Summary{}
	for len(events) < limit {
		selectors.Set("limit", fmt.Sprint(min(limit-len(events), maxPage)))
		var page history.Events
		if err := a.post("/search", selectors, &page); err != nil {
			return nil, err
		}
		events = append(events, page.Events...)
		if page.Next == "" {
			break
		}
		selectors.Set("before", page.Next)
	}
	return events, nil
}

func eventsListCommand() *cobra.Command {
	admin, chosen := new(eventsAdmin), new(selectFlags)
	var limit int
	cmd := strict(&cobra.Command{
		Use: "list [<ref>...]", Short: "Lists events, those that came last first", Args: cobra.ArbitraryArgs,
		Long: "Lists events, those that came last first.\n\nExit codes: 0 there are some, 1 there are none, 2 they could not be asked for.",
	})
	admin.add(cmd)
	chosen.add(cmd, &admin.adminFlags)
	cmd.Flags().IntVar(&limit, "limit", 100, "How many to list at most")
	cmd.RunE = func(cmd *cobra.Command, refs []string) error {
		return admin.ask(func(w io.Writer) error {
			selectors, err := chosen.selectors(refs)
			if err != nil {
				return err
			}
			events, err := admin.find(selectors, limit)
			if err != nil {
				return err
			}
			err = admin.print(w, events, func(w io.Writer) error { return writeEvents(w, events) })
			if err == nil && len(events) == 0 {
				return errNo
			}
			return err
		})(cmd, refs)
	}
	return cmd
}

func writeEvents(w io.Writer, events []*archive.Summary) error {
	if len(events) == 0 {
		_, err := fmt.Fprintln(w, "0 found")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "REF\tRECEIVED\tENDPOINT\tEVENT\tID\tOUTCOME\tSTATUS\tSINCE THEN")
	for _, e := range events {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Ref, e.Received.UTC().Format(time.RFC3339), printable(e.Endpoint), printable(e.Event),
			printable(e.ID), e.Outcome, statusText(e.Status), lastNote(e))
	}
	return table.Flush()
}

// statusText is a status for people.
func statusText(status int) string {
	if status == 0 {
		return "-"
	}
	return fmt.Sprint(status)
}

// lastNote is what became of an event last.
func lastNote(e *archive.Summary) string {
	if len(e.Later) == 0 {
		return ""
	}
	return noteText(&e.Later[len(e.Later)-1])
}

func noteText(n *archive.Note) string {
	text := n.Outcome
	if n.Destination != "" {
		text += " " + n.Destination
	}
	if n.Status != 0 {
		text += " " + fmt.Sprint(n.Status)
	}
	return text
}

func eventsShowCommand() *cobra.Command {
	admin := new(eventsAdmin)
	cmd := strict(&cobra.Command{
		Use: "show <ref>", Short: "Shows an event: what was decided, what the app answered, headers and payload", Args: cobra.ExactArgs(1),
	})
	admin.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return admin.ask(func(w io.Writer) error {
			event, err := admin.get(args[0])
			if err != nil {
				return err
			}
			return admin.print(w, event, func(w io.Writer) error { return writeEvent(w, event) })
		})(cmd, args)
	}
	return cmd
}

// writeEvent prints an event as a whole: what is known, the headers, an empty line and the
// payload.
func writeEvent(w io.Writer, e *history.Event) error {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-9s %s\n", name, printable(value))
		}
	}
	line("ref", e.Ref)
	line("received", e.Received.UTC().Format(time.RFC3339Nano))
	line("endpoint", e.Endpoint+" ("+e.Provider+")")
	line("tenant", e.Tenant)
	line("event", e.Event)
	line("id", e.ID)
	line("outcome", e.Outcome)
	line("detail", e.Detail)
	line("route", e.Route)
	line("answer", statusText(e.Status)+" after "+e.Duration.Round(100*time.Microsecond).String())
	for i := range e.Later {
		line("then", e.Later[i].At.UTC().Format(time.RFC3339)+" "+noteText(&e.Later[i]))
	}
	line("from", e.ClientIP)
	line("request", e.Method+" "+e.Scheme+"://"+e.Host+e.URI)
	for _, header := range e.Headers {
		line("", header.Name+": "+header.Value)
	}
	fmt.Fprintln(w)
	switch {
	case e.Omitted != "":
		fmt.Fprintf(w, "(the payload is not kept: %s)\n", printable(e.Omitted))
	case e.Binary != nil:
		fmt.Fprintf(w, "(%d bytes that are no text)\n", len(e.Binary))
	default:
		fmt.Fprintln(w, printableLines(e.Body))
	}
	return nil
}

func eventsPurgeCommand() *cobra.Command {
	admin, chosen := new(eventsAdmin), new(selectFlags)
	var all bool
	cmd := strict(&cobra.Command{
		Use: "purge [<ref>...]", Short: "Erases events for good, from the disk as well", Args: cobra.ArbitraryArgs,
		Long: `Erases events for good. When it returns they are gone from the files of the
archive, as for:

    caddy webhooks events purge --where 'body.customer.email == "ann@example.com"'

Exit codes: 0 it was done, 1 nothing was found, 2 it could not be done.`,
	})
	admin.add(cmd)
	chosen.add(cmd, &admin.adminFlags)
	cmd.Flags().BoolVar(&all, "all", false, "All there are")
	cmd.RunE = func(cmd *cobra.Command, refs []string) error {
		return admin.ask(func(w io.Writer) error {
			selectors, err := chosen.selectors(refs)
			if err != nil {
				return err
			}
			switch {
			case all && len(selectors) > 0:
				return errors.New("--all is for all there are; leave out the other flags")
			case all:
				selectors.Set("all", "true")
			case len(selectors) == 0:
				return errors.New("nothing is chosen; give refs, flags such as --where, or --all")
			}
			var purged history.Purged
			if err := admin.post("/purge", selectors, &purged); err != nil {
				return err
			}
			return admin.count(w, purged, purged.Count, "erased")
		})(cmd, refs)
	}
	return cmd
}

// count prints how many there were. None is a no.
func (a *eventsAdmin) count(w io.Writer, value any, count int, done string) error {
	err := a.print(w, value, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%d %s\n", count, done)
		return err
	})
	if err == nil && count == 0 {
		return errNo
	}
	return err
}

// hookOf writes an event as a test case that expects what was decided.
func hookOf(e *history.Event) (string, error) {
	if e.Binary != nil || e.Omitted != "" || strings.Contains(e.Body, "\n---\n") {
		return "", fmt.Errorf("%s cannot be written as a test case: its payload is no text, is not kept, or has a line of three dashes", e.Ref)
	}
	var hook strings.Builder
	fmt.Fprintf(&hook, "# %s of %s\n", printable(strings.TrimSpace(e.Event+" "+e.ID)), e.Received.UTC().Format(time.RFC3339))
	fmt.Fprintf(&hook, "%s %s://%s%s\n@at %s\n", e.Method, e.Scheme, e.Host, e.URI, e.Received.UTC().Format(time.RFC3339Nano))
	if e.ClientIP != "" {
		fmt.Fprintf(&hook, "@from %s\n", e.ClientIP)
	}
	for _, header := range e.Headers {
		if header.Name != "Host" && header.Name != "Content-Length" {
			fmt.Fprintf(&hook, "%s: %s\n", header.Name, header.Value)
		}
	}
	fmt.Fprintf(&hook, "\n%s\n---\noutcome %s\n", e.Body, e.Outcome)
	if e.Route != "" {
		fmt.Fprintf(&hook, "route   %s\n", e.Route)
	}
	return hook.String(), nil
}
