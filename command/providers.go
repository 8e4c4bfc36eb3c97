package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

func providersCommand() *cobra.Command {
	var markdown, evidence bool
	var format format
	cmd := &cobra.Command{
		Use:   "providers [name]",
		Short: "Lists the built-in providers, or describes one",
		Args:  cobra.MaximumNArgs(1),
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "Print all of them as a Markdown document")
	cmd.Flags().BoolVar(&evidence, "evidence", false, "Print where the facts of each come from")
	format.add(cmd)
	cmd.ValidArgsFunction = once(verify.BuiltinNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return run(func() (int, error) {
			switch {
			case format.json && markdown:
				return exitUsage, errors.New("--json and --markdown are two formats; choose one")
			case markdown && len(args) > 0:
				return exitUsage, errors.New("--markdown describes all providers; leave the name out")
			case evidence && (markdown || len(args) > 0):
				return exitUsage, errors.New("--evidence lists all providers; leave the rest out")
			case evidence:
				return exitCode(listEvidence(cmd.OutOrStdout(), format))
			case markdown:
				return exitCode(writeMarkdown(cmd.OutOrStdout()))
			case len(args) == 0:
				return exitCode(listProviders(cmd.OutOrStdout(), format))
			}
			described, err := describe(args[0])
			if err != nil {
				return exitUsage, err
			}
			return exitCode(format.print(cmd.OutOrStdout(), described.spec, described.write))
		})(cmd, args)
	}
	return cmd
}

// exitCode is the exit code of a command that prints and nothing else.
func exitCode(err error) (int, error) {
	if errors.Is(err, errNo) {
		return exitNo, nil
	}
	if err != nil {
		return exitUsage, err
	}
	return 0, nil
}

// description is what there is to say of a provider.
type description struct {
	spec     *verify.Spec
	provider *verify.Provider
}

func describe(name string) (*description, error) {
	spec, ok := verify.Builtin(name)
	if !ok {
		return nil, verify.UnknownProvider(name, nil)
	}
	provider, err := verify.Compile(spec)
	return &description{spec, provider}, err
}

// all describes every built-in provider.
func all() ([]*description, error) {
	var found []*description
	for _, name := range verify.BuiltinNames() {
		d, err := describe(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		found = append(found, d)
	}
	return found, nil
}

// listProviders prints a table of the built-in providers, or their descriptions.
func listProviders(out io.Writer, format format) error {
	found, err := all()
	if err != nil {
		return err
	}
	specs := make([]*verify.Spec, len(found))
	for i, d := range found {
		specs[i] = d.spec
	}
	return format.print(out, specs, func(out io.Writer) error { return writeProviders(out, found) })
}

func writeProviders(out io.Writer, found []*description) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROVIDER\tSCHEME\tCREDENTIALS\tSIGNED\tEVENT\tID\tHANDSHAKE\tTOLERANCE\tDOCS")
	for _, d := range found {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.spec.Name, d.scheme(), d.credentials(),
			d.provider.Coverage(), short(d.spec.Event), short(d.spec.ID), d.handshake(), d.tolerance(), d.spec.Docs)
	}
	return table.Flush()
}

// fact is where facts of a provider come from.
type fact struct {
	Provider string `json:"provider"`
	verify.Evidence
}

// listEvidence prints a table of where the facts of the built-in providers come
// from.
func listEvidence(out io.Writer, format format) error {
	var facts []fact
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		for _, e := range spec.Evidence {
			facts = append(facts, fact{name, e})
		}
	}
	return format.print(out, facts, func(out io.Writer) error {
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "PROVIDER\tEVIDENCE\tREAD\tSOURCE")
		for _, f := range facts {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", f.Provider, f.Kind, f.Read, f.Source)
		}
		return table.Flush()
	})
}

// short names the first of some sources, and how many there are.
func short(sources []string) string {
	names := sourceNames(sources)
	if len(names) == 0 {
		return "none"
	}
	first := names[0]
	if len(first) > shortName {
		first = first[:shortName] + "…"
	}
	if len(names) > 1 {
		first += fmt.Sprintf(" +%d", len(names)-1)
	}
	return first
}

// shortName is how much of a source a table shows, in bytes.
const shortName = 32

// sourceNames names sources, of which expressions would be long.
func sourceNames(sources []string) []string {
	var names []string
	for _, source := range sources {
		if strings.HasPrefix(source, "=") {
			source = "expression"
		}
		names = append(names, source)
	}
	return names
}

// write describes the provider to a reader.
func (d *description) write(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "%s (%s)\n%s\n\n", d.spec.Title, d.spec.Name, d.spec.Docs)
	for _, row := range d.rows() {
		fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if d.spec.Note != "" {
		fmt.Fprintf(out, "\n%s\n", d.spec.Note)
	}
	_, err := fmt.Fprintf(out, "\n%s", d.caddyfile())
	return err
}

// rows are the facts of a provider.
func (d *description) rows() [][2]string {
	return [][2]string{
		{"scheme", d.scheme()},
		{"credentials", d.credentials()},
		{"headers", list(d.headers(), "none")},
		{"signed", d.signed()},
		{"not signed", d.unsigned()},
		{"event", list(sourceNames(d.spec.Event), "none")},
		{"id", list(sourceNames(d.spec.ID), "none")},
		{"handshake", d.handshake()},
		{"tolerance", d.tolerance()},
		{"answer within", d.answerWithin()},
		{"methods", list(d.spec.Methods, http.MethodPost)},
		{"published addresses", list(d.spec.Sources, "none")},
		{"documented events", fmt.Sprint(len(d.spec.Events))},
		{"evidence", d.evidence()},
	}
}

// signed names the fields that are signed, in each of the provider's ways.
func (d *description) signed() string {
	var texts []string
	for _, way := range d.spec.Ways() {
		provider, err := verify.Compile(way)
		if err != nil {
			continue // describe has compiled it
		}
		if text := list(provider.SignedFields(), "nothing"); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "; or ")
}

// headers names the headers that are read, each once: those of credentials
// first.
func (d *description) headers() []string {
	var names []string
	add := func(from string) {
		if name, ok := strings.CutPrefix(from, "header."); ok {
			names = append(names, http.CanonicalHeaderKey(name))
		}
	}
	if d.spec.Scheme == "jwt" {
		add(cmp.Or(d.spec.JWT.From, "header.Authorization"))
	}
	if d.spec.Token != nil {
		add(d.spec.Token.From)
	}
	seen := make(map[string]bool)
	return slices.DeleteFunc(append(names, d.provider.HeaderNames()...), func(name string) bool {
		again := seen[name]
		seen[name] = true
		return again
	})
}

func list(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}

// scheme names the scheme and its hash.
func (d *description) scheme() string {
	switch d.spec.Scheme {
	case "":
		return "none"
	case "hmac", "digest":
		if d.spec.Hash == "" {
			return d.spec.Scheme + "-sha256"
		}
		return d.spec.Scheme + "-" + d.spec.Hash
	case "jwt":
		return "jwt " + strings.Join(d.spec.JWT.Algorithms, "/")
	default:
		return d.spec.Scheme
	}
}

// evidence says where the facts come from.
func (d *description) evidence() string {
	var texts []string
	for _, e := range d.spec.Evidence {
		texts = append(texts, fmt.Sprintf("%s: %s (%s)", e.Kind, e.Source, e.Read))
	}
	return strings.Join(texts, "; ")
}

func (d *description) credentials() string { return list(d.spec.Credentials, "unverified") }

// unsigned says what a signature leaves open to whoever has seen one.
func (d *description) unsigned() string {
	switch d.provider.Coverage() {
	case verify.SignedBody:
		return "the URL and all headers, save those that are named as signed"
	case verify.SignedFields:
		return "all the rest of the request, the body included"
	default:
		return "the whole request: a credential says who sent it, not that it is unchanged"
	}
}

// handshake says how many handshakes are answered, and before or after
// verification.
func (d *description) handshake() string {
	var kinds []string
	for _, h := range d.spec.Handshakes {
		method := h.When.Method
		if method == "" {
			method = http.MethodPost
		}
		verified := h.Verify
		if verified == "" {
			verified = "signature"
		}
		kinds = append(kinds, method+" ("+verified+")")
	}
	return list(kinds, "none")
}

func (d *description) tolerance() string {
	if d.spec.Scheme == "jwt" && d.spec.JWT.MaxAge > 0 {
		return d.spec.JWT.MaxAge.String()
	}
	if d.spec.Timestamp == nil || d.spec.Timestamp.Tolerance <= 0 {
		return "off"
	}
	return d.spec.Timestamp.Tolerance.String()
}

func (d *description) answerWithin() string {
	if d.spec.AnswerWithin == 0 {
		return "not documented"
	}
	return d.spec.AnswerWithin.String()
}

// caddyfile is the smallest configuration for the provider.
func (d *description) caddyfile() string {
	variable := strings.ToUpper(strings.ReplaceAll(d.spec.Name, "-", "_"))
	var credential string
	switch kind := append(d.spec.Credentials, "unverified")[0]; kind {
	case "secret":
		credential = "secret {env." + variable + "_SECRET}"
	case "token":
		credential = "token {env." + variable + "_TOKEN}"
	case "basic":
		credential = "basic {env." + variable + "_USER} {env." + variable + "_PASSWORD}"
	case "jwt":
		credential = "jwt {\n"
		for _, line := range d.spec.JWT.NeededLines() {
			credential += "\t\t" + line + "\n"
		}
		credential += "\t}"
	default:
		credential = kind
	}
	return "handle_webhook /" + d.spec.Name + " " + d.spec.Name + " {\n\t" + credential +
		"\n\totherwise {\n\t\twebhook_proxy localhost:8080\n\t}\n}\n"
}
