package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/handlers"
	"github.com/caddy-webhooks/caddy-webhooks/internal/inspect"
	"github.com/caddy-webhooks/caddy-webhooks/internal/simulate"
	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// explainer is one run of caddy webhooks explain.
type explainer struct {
	in     io.Reader
	out    io.Writer
	config string
	file   string
	at     string
	from   string
	json   bool
}

// explanation is the whole decision about a request.
type explanation struct {
	Request  string        `json:"request"`
	Server   string        `json:"server"`
	Provider string        `json:"provider,omitempty"`
	Steps    []verify.Step `json:"verification,omitempty"`
	Outcome  string        `json:"outcome"`
	Why      string        `json:"why,omitempty"`
	Event    string        `json:"event,omitempty"`
	EventBy  []string      `json:"event_sources,omitempty"`
	ID       string        `json:"id,omitempty"`
	Rules    []ruleVerdict `json:"rules,omitempty"`
	Upstream string        `json:"upstream,omitempty"`
	URI      string        `json:"uri,omitempty"`
	Diff     []string      `json:"rewrite,omitempty"`
	Status   int           `json:"status"`

	Nearest   string   `json:"nearest_endpoint,omitempty"` // the one that was probably meant, if none takes the request
	Endpoints []string `json:"endpoints,omitempty"`        // all there are, likewise
}

// nearestEndpoint names the endpoint that a path probably stands for, and all there
// are.
func nearestEndpoint(s *simulate.Simulation, path string) (nearest string, all []string) {
	for _, auth := range s.Auths() {
		if auth != nil && !slices.Contains(all, auth.EndpointName()) {
			all = append(all, auth.EndpointName())
		}
	}
	return suggest.Nearest(path, all), all
}

// ruleVerdict is what a block made of an event.
type ruleVerdict struct {
	Block      string         `json:"block"`
	Events     []string       `json:"events,omitempty"`
	Categories []string       `json:"categories,omitempty"`
	Named      bool           `json:"event_matches"`
	When       string         `json:"when,omitempty"`
	Clauses    []route.Clause `json:"clauses,omitempty"`
	Taken      bool           `json:"taken"`
}

func explainCommand() *cobra.Command {
	e := new(explainer)
	cmd := &cobra.Command{
		Use:   "explain --config Caddyfile [--at UNIX|RFC3339] [--from ADDRESS] [--json] [FILE|-]",
		Short: "Explains what a configuration does with a captured webhook",
		Long: `Explains what a configuration does with a captured webhook, a raw HTTP/1.1 request
out of a file or the standard input: where it goes, each step of its
verification, each rule with the values of its parts, and what a rewrite makes
of the payload. Nothing is sent.

Exit codes: 0 it would be accepted, 1 it would not, 2 it could not be found out.`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.Flags().StringVar(&e.config, "config", "Caddyfile", "Configuration: a Caddyfile, or JSON if its name ends in .json")
	cmd.Flags().StringVar(&e.at, "at", "", "Time of arrival, in seconds since 1970 or RFC 3339 (default: now)")
	cmd.Flags().StringVar(&e.from, "from", "127.0.0.1", "Address of the sender")
	cmd.Flags().BoolVar(&e.json, "json", false, "Print the explanation as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		e.in, e.out = cmd.InOrStdin(), cmd.OutOrStdout()
		if len(args) > 0 {
			e.file = args[0]
		}
		return run(e.run)(cmd, args)
	}
	return cmd
}

func (e *explainer) run() (int, error) {
	if _, err := netip.ParseAddr(e.from); err != nil {
		return exitUsage, fmt.Errorf("--from is no address: %w", err)
	}
	captured, err := readCapture(e.file, e.in)
	if err != nil {
		return exitUsage, err
	}
	at, err := (&verification{at: e.at}).time()
	if err != nil {
		return exitUsage, err
	}
	simulation, err := openConfig(e.config)
	if err != nil {
		return exitUsage, err
	}
	defer simulation.Close()

	request := httptest.NewRequest(captured.Method, captured.URL.String(), bytes.NewReader(captured.body))
	request.Header, request.Host = captured.Header.Clone(), captured.Host
	request.RemoteAddr = net.JoinHostPort(e.from, senderPort)
	trace, err := simulation.Run(request, at)
	if err != nil {
		return exitUsage, err
	}
	found := e.explain(trace, captured, at)
	if trace.Auth == nil {
		found.Nearest, found.Endpoints = nearestEndpoint(simulation, captured.URL.Path)
	}
	if err := e.print(found); err != nil {
		return exitUsage, err
	}
	if !trace.Accepted() {
		return exitNo, nil
	}
	return 0, nil
}

// steps are those of the verification of a request.
func steps(auth *handlers.Auth, request *verify.Request) []verify.Step {
	verifier, err := auth.VerifierFor(request)
	if refusal, ok := errors.AsType[*verify.Error](err); ok {
		return []verify.Step{{Check: "the tenant is known and welcome", Reason: refusal.Reason, Detail: refusal.Detail}}
	}
	return verifier.Explain(request)
}

// explain collects what there is to say.
func (e *explainer) explain(trace *simulate.Trace, captured *capture, at time.Time) *explanation {
	found := &explanation{
		Request: captured.Method + " " + captured.Host + captured.URL.RequestURI(),
		Server:  trace.Server,
		Outcome: trace.Outcome(),
		Why:     trace.Why(),
		Status:  trace.Status,
	}
	if trace.Auth == nil {
		return found
	}
	spec := trace.Auth.Verifier().Provider().Spec
	found.Provider, found.EventBy = spec.Name, spec.Event
	request := captured.request("https", at, spec)
	request.ClientIP, _ = netip.ParseAddr(e.from)
	found.Steps = steps(trace.Auth, request)
	if trace.Event == nil {
		return found
	}
	found.Event, found.ID = trace.Event.Name, trace.Event.ID
	arrived := trace.Event.Outgoing(captured.Method, captured.URL, captured.Header, captured.body)
	arrived.Body = payload.New(captured.body, captured.Header.Get("Content-Type"), spec.FormField)
	for _, block := range trace.Blocks {
		found.Rules = append(found.Rules, judge(block, arrived, trace.Branch))
	}
	if trace.Sent != nil {
		found.Upstream, found.URI = trace.Sent.Upstream, trace.Sent.URI
		found.Diff = inspect.Diff(arrived.Body.Document(), trace.Sent.Body)
	}
	return found
}

// judge tells what a block made of an event.
func judge(block simulate.Block, event *route.Event, taken string) ruleVerdict {
	v := ruleVerdict{
		Block: block.Name, Events: block.Events, Categories: block.Categories, When: block.When,
		Named: len(block.Events) == 0 && len(block.Categories) == 0 ||
			block.Events.Match(event.Name) || event.InCategory(block.Categories),
		Taken: block.Name == taken,
	}
	if rule, err := route.CompileRule(block.When); err == nil {
		v.Clauses = rule.Explain(event)
	}
	return v
}

// print writes the explanation.
func (e *explainer) print(found *explanation) error {
	if e.json {
		return writeJSON(e.out, found, "  ")
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s\nserver %s\n", found.Request, found.Server)
	if found.Provider == "" {
		fmt.Fprintf(&out, "\nNo webhook_auth or handle_webhook takes this request; it is answered with %d.\n", found.Status)
		switch {
		case found.Nearest != "":
			fmt.Fprintf(&out, "Did you mean the endpoint %s?\n", found.Nearest)
		case len(found.Endpoints) > 0:
			fmt.Fprintf(&out, "The endpoints are %s.\n", strings.Join(found.Endpoints, ", "))
		}
		_, err := io.WriteString(e.out, printableLines(out.String()))
		return err
	}
	fmt.Fprintf(&out, "\nVerification as %s\n", found.Provider)
	for _, s := range found.Steps {
		fmt.Fprintf(&out, "  %s %s\n", mark(s.Passed), s.Check)
		if !s.Passed {
			fmt.Fprintf(&out, "         %s: %s\n", s.Reason, printable(s.Detail))
		}
	}
	fmt.Fprintf(&out, "\nOutcome %s\n", found.Outcome)
	if found.Why != "" {
		fmt.Fprintf(&out, "Why     %s\n", strings.ReplaceAll(found.Why, "\n", "\n        "))
	}
	if found.Event != "" || found.ID != "" {
		fmt.Fprintf(&out, "Event   %s (from %s)\nId      %s\n",
			printable(found.Event), list(sourceNames(found.EventBy), "none"), printable(found.ID))
	}
	found.printRules(&out)
	switch {
	case found.Upstream != "":
		fmt.Fprintf(&out, "\nGoes to %s as %s\n", found.Upstream, found.URI)
		if len(found.Diff) == 0 {
			out.WriteString("The payload is not changed.\n")
		}
		for _, line := range found.Diff {
			out.WriteString(line + "\n")
		}
	default:
		fmt.Fprintf(&out, "\nGoes nowhere; it is answered with %d.\n", found.Status)
	}
	_, err := io.WriteString(e.out, printableLines(out.String()))
	return err
}

func (found *explanation) printRules(out io.Writer) {
	if len(found.Rules) > 0 {
		fmt.Fprintln(out, "\nRules")
	}
	for _, r := range found.Rules {
		names := r.Events
		if len(r.Categories) > 0 {
			names = append([]string{"category"}, r.Categories...)
		}
		fmt.Fprintf(out, "  %s\n", strings.TrimSpace(mark(r.Taken)+" "+r.Block+" "+strings.Join(names, " ")))
		switch {
		case !r.Named && len(r.Categories) > 0:
			fmt.Fprintln(out, "         the event is in none of these categories")
		case !r.Named:
			fmt.Fprintln(out, "         the event's name does not match")
		}
		if r.When != "" {
			fmt.Fprintf(out, "         when %s\n", r.When)
		}
		for _, c := range r.Clauses {
			if c.Error != "" {
				fmt.Fprintf(out, "           %s: failed: %s\n", c.Source, strings.ReplaceAll(c.Error, "\n", "\n           "))
			} else {
				fmt.Fprintf(out, "           %s: %s\n", c.Source, c.Value)
			}
		}
	}
}

// mark is how a line of the explanation begins.
func mark(yes bool) string {
	if yes {
		return "[yes]"
	}
	return "[no] "
}
