package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/internal/inspect"
)

// tail is one run of caddy webhooks tail.
type tail struct {
	out   io.Writer
	notes io.Writer // where it tells of what it cannot show
	admin adminFlags

	provider, endpoint, tenant, event, outcome string

	lines int
	once  bool
	json  bool

	interval time.Duration // between two questions

	instance string // of the Caddy that was asked last
	after    uint64 // the latest delivery that was printed
	away     bool   // Caddy did not answer the last time
}

// tailInterval is how often a running Caddy is asked for more.
const tailInterval = 500 * time.Millisecond

func tailCommand() *cobra.Command {
	t := &tail{interval: tailInterval}
	cmd := &cobra.Command{
		Use:   "tail [--address ADDRESS] [--provider NAME] [--endpoint NAME] [--tenant ID] [--event PATTERN] [--outcome NAME] [--lines N] [--once] [--json]",
		Short: "Follows the webhooks that come to a running Caddy",
		Long: `Prints the webhooks that come to a running Caddy, a line each: what was decided
about them, and why. It asks the administration endpoint, and shows what is
kept there: the configuration has to say inspect.

It goes on until it is interrupted, also while Caddy is reloaded or started anew.
Where some may have come that it cannot show, it says so on the standard error.

Exit codes: 0 it was interrupted, or printed what there is; 2 Caddy did not answer.`,
		Args: cobra.NoArgs,
	}
	t.admin.add(cmd)
	cmd.Flags().StringVar(&t.provider, "provider", "", "Only webhooks of this provider")
	cmd.Flags().StringVar(&t.tenant, "tenant", "", "Only webhooks of the tenant with this id")
	cmd.Flags().StringVar(&t.endpoint, "endpoint", "", "Only webhooks that came to the endpoint of this name")
	cmd.Flags().StringVar(&t.event, "event", "", "Only events of this name; * stands for any characters")
	cmd.Flags().StringVar(&t.outcome, "outcome", "", "Only this outcome, such as accepted or bad_signature")
	cmd.Flags().IntVar(&t.lines, "lines", 10, "How many of those that came before are printed")
	cmd.Flags().BoolVar(&t.once, "once", false, "Print those, and do not wait for more")
	cmd.Flags().BoolVar(&t.json, "json", false, "Print a JSON object for each")
	completeFlag(cmd, "provider", offer(t.admin.configuredProviders))
	completeFlag(cmd, "endpoint", offer(t.admin.endpointNames))
	completeFlag(cmd, "event", offer(func([]string) []string { return eventsOf(t.provider) }))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t.out, t.notes = cmd.OutOrStdout(), cmd.ErrOrStderr()
		return run(func() (int, error) {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			return t.run(ctx)
		})(cmd, args)
	}
	return cmd
}

func (t *tail) run(ctx context.Context) (int, error) {
	if t.lines < 0 {
		return exitUsage, fmt.Errorf("--lines cannot be negative")
	}
	address, err := t.admin.find()
	if err != nil {
		return exitUsage, err
	}
	if err := t.print(address, true); err != nil || t.once {
		return exitOn(err), err
	}
	ticker := time.NewTicker(t.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return 0, nil
		case <-ticker.C:
			// A Caddy that is being restarted answers again soon.
			err := t.print(address, false)
			if err != nil && !t.away {
				t.note(err.Error())
			}
			t.away = err != nil
		}
	}
}

func exitOn(err error) int {
	if err != nil {
		return exitUsage
	}
	return 0
}

// print asks for the deliveries since the last time, and prints them.
func (t *tail) print(address string, first bool) error {
	list, err := t.ask(address)
	if err == nil && list.Instance != t.instance && !first {
		t.note("Caddy was started anew; what it had not shown until then is lost")
		t.after = 0 // it counts from 1
		list, err = t.ask(address)
	}
	switch {
	case err != nil:
		return err
	case !first && list.Forgotten > t.after:
		t.note("more came than are kept, so some are not shown")
	}
	t.instance = list.Instance
	found := list.Deliveries
	if first && len(found) > t.lines {
		found = found[:t.lines]
	}
	if len(list.Deliveries) > 0 {
		t.after = list.Deliveries[0].Number
	}
	for _, d := range slices.Backward(found) {
		if err := t.show(&d); err != nil {
			return err
		}
	}
	return nil
}

// note tells of what cannot be shown.
func (t *tail) note(text string) {
	fmt.Fprintf(t.notes, "%s  -- %s\n", time.Now().Format(tailTime), printable(text))
}

// tailTime is how moments are written: with the date and the zone.
const tailTime = "2006-01-02 15:04:05 -07:00"

// deliveryList is what the administration endpoint answers.
type deliveryList struct {
	Instance   string            `json:"instance"`
	Forgotten  uint64            `json:"forgotten"`
	Deliveries []inspect.Summary `json:"deliveries"`
}

func (t *tail) ask(address string) (*deliveryList, error) {
	query := url.Values{}
	for name, value := range map[string]string{
		"provider": t.provider, "endpoint": t.endpoint, "tenant": t.tenant, "event": t.event, "outcome": t.outcome,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if t.after > 0 {
		query.Set("after", fmt.Sprint(t.after))
	}
	answer, err := adminRequest(address, http.MethodGet, "/webhooks/deliveries?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var list deliveryList
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("the answer of %s cannot be read: %w", address, err)
	}
	return &list, nil
}

func (t *tail) show(d *inspect.Summary) error {
	if t.json {
		return writeJSON(t.out, d, "")
	}
	line := []string{d.Received.Local().Format(tailTime), d.Provider}
	if d.Endpoint != d.Provider {
		line = append(line, "at "+d.Endpoint)
	}
	line = append(line, d.Outcome)
	if d.Event != "" {
		line = append(line, d.Event)
	}
	if d.ID != "" {
		line = append(line, "id "+d.ID)
	}
	if d.Route != "" {
		line = append(line, "by "+d.Route)
	}
	switch {
	case d.Withheld:
		line = append(line, fmt.Sprintf("%d, and 502 to the sender", d.Status))
	case d.Status != 0:
		line = append(line, fmt.Sprint(d.Status))
	}
	line = append(line, d.Method+" "+d.Host+d.Path, "from "+d.ClientIP)
	if d.Detail != "" {
		line = append(line, "("+d.Detail+")")
	}
	_, err := fmt.Fprintln(t.out, printable(strings.Join(line, "  ")))
	return err
}

// printable replaces what could move the cursor, or set colors: the text came
// from strangers.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, text)
}

// printableLines is printable for a text of several lines.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = printable(strings.ReplaceAll(line, "\t", "    "))
	}
	return strings.Join(lines, "\n")
}
