package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/internal/simulate"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// tester is one run of caddy webhooks test.
type tester struct {
	samples fs.FS
	out     io.Writer
	notes   io.Writer
	config  string
	files   []string
	format
}

func testCommand(samples fs.FS) *cobra.Command {
	t := &tester{samples: samples}
	cmd := &cobra.Command{
		Use:   "test --config Caddyfile [FILE.hook...]",
		Short: "Runs test cases against a configuration",
		Long: `Runs test cases against a configuration, without a network: nothing listens, and
reverse proxies record instead of sending. Cases are the files *.hook beside the
configuration, or those that are named.

Exit codes: 0 all cases passed, 1 some did not, 2 they could not be run.`,
		Args: cobra.ArbitraryArgs,
	}
	cmd.Flags().StringVar(&t.config, "config", "Caddyfile", "Configuration: a Caddyfile, or JSON if its name ends in .json")
	t.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t.out, t.notes, t.files = cmd.OutOrStdout(), cmd.ErrOrStderr(), args
		return run(t.run)(cmd, args)
	}
	return cmd
}

func (t *tester) run() (int, error) {
	files := t.files
	if len(files) == 0 {
		var err error
		if files, err = filepath.Glob(filepath.Join(filepath.Dir(t.config), "*.hook")); err != nil {
			return exitUsage, err
		}
	}
	if len(files) == 0 {
		return exitUsage, errors.New("there is no file *.hook beside the configuration")
	}
	simulation, err := openConfig(t.config)
	if err != nil {
		return exitUsage, err
	}
	defer simulation.Close()

	results := []*result{}
	for _, file := range files {
		h, err := readHook(file)
		if err != nil {
			return exitUsage, err
		}
		trace, _, _, err := play(simulation, h, t.samples)
		if err != nil {
			return exitUsage, fmt.Errorf("%s: %w", file, err)
		}
		if h.sample != nil && trace.Auth != nil {
			if note := unknownEvent(trace.Auth.Verifier().Provider().Spec, h.sample.event); note != "" {
				fmt.Fprintf(t.notes, "note: %s: %s\n", file, note)
			}
		}
		results = append(results, &result{
			Case: h.name, File: file, Outcome: trace.Outcome(), Route: branch(trace), Upstream: describeSent(trace), Missed: h.missed(trace),
		})
	}
	if err := t.print(t.out, results, func(w io.Writer) error { return writeResults(w, results) }); err != nil {
		return exitUsage, err
	}
	if slices.ContainsFunc(results, func(r *result) bool { return len(r.Missed) > 0 }) {
		return exitNo, nil
	}
	return 0, nil
}

// result is how a case went.
type result struct {
	Case     string   `json:"case"`
	File     string   `json:"file"`
	Outcome  string   `json:"outcome"`
	Route    string   `json:"route"`
	Upstream string   `json:"upstream"`
	Missed   []string `json:"missed,omitempty"` // the expectations that do not hold
}

func writeResults(w io.Writer, results []*result) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RESULT\tCASE\tOUTCOME\tROUTE\tUPSTREAM")
	for _, r := range results {
		verdict := "pass"
		if len(r.Missed) > 0 {
			verdict = "FAIL"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", verdict, r.Case, r.Outcome, r.Route, r.Upstream)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range results {
		for _, text := range r.Missed {
			fmt.Fprintln(w, r.File+": "+text)
		}
	}
	return nil
}

// branch names the block that took a request.
func branch(trace *simulate.Trace) string {
	if trace.Branch == "" {
		return "none"
	}
	return trace.Branch
}

// missed returns the expectations that do not hold.
func (h *hook) missed(trace *simulate.Trace) []string {
	var missed []string
	for _, w := range h.wants {
		if text := w.check(trace); text != "" {
			missed = append(missed, fmt.Sprintf("line %d: %s", w.line, text))
		}
	}
	return missed
}

// check returns what is wrong, or nothing.
func (w want) check(trace *simulate.Trace) string {
	switch w.name {
	case "outcome":
		return differs("outcome", trace.Outcome(), w.value)
	case "status":
		return differs("status", strconv.Itoa(trace.Status), w.value)
	case "route":
		return differs("route", branch(trace), w.value)
	case "upstream":
		return differs("upstream", describeSent(trace), w.value)
	}
	if trace.Sent == nil {
		return w.name + " " + w.value + ": nothing would go upstream"
	}
	switch w.name {
	case "uri":
		return differs("uri", trace.Sent.URI, w.value)
	case "method":
		return differs("method", trace.Sent.Method, w.value)
	case "header":
		name, value, _ := strings.Cut(w.value, " ")
		is, value := trace.Sent.Header.Get(name), strings.TrimSpace(value)
		if is != value && isSecret(trace, name) {
			return "header " + name + " has another value, which is not shown: it may prove who has sent the request"
		}
		return differs("header "+name, is, value)
	default:
		return w.that(trace)
	}
}

// isSecret reports whether a header proves who has sent a request: a failure may end up
// in the log of a Caddy that does not load the configuration.
func isSecret(trace *simulate.Trace, name string) bool {
	hidden := []string{"Authorization", "Proxy-Authorization", "Cookie"}
	if trace.Auth != nil {
		hidden = append(hidden, trace.Auth.Verifier().Credentials().Headers...)
	}
	return slices.ContainsFunc(hidden, func(one string) bool { return strings.EqualFold(one, name) })
}

func differs(what, is, want string) string {
	if is == want {
		return ""
	}
	return fmt.Sprintf("%s is %q, not %q", what, is, want)
}

// that evaluates an expression over what would go upstream.
func (w want) that(trace *simulate.Trace) string {
	rule, err := route.CompileRule(w.value)
	if err != nil {
		return fmt.Sprintf("that %s: %v", w.value, err)
	}
	target, err := url.ParseRequestURI(trace.Sent.URI)
	if err != nil || trace.Event == nil {
		return "that " + w.value + ": nothing was verified"
	}
	sent := trace.Event.Outgoing(trace.Sent.Method, target, trace.Sent.Header, trace.Sent.Body)
	switch holds, err := rule.Match(sent); {
	case err != nil:
		return fmt.Sprintf("that %s: %v", w.value, err)
	case !holds:
		return "that " + w.value + " does not hold"
	}
	return ""
}
