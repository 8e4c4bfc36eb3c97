package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// maxCapture is the largest captured request in bytes.
const maxCapture = 64 << 20

// verification is one run of caddy webhooks verify.
type verification struct {
	in          io.Reader
	out         io.Writer
	provider    string
	specFile    string
	publicURL   string
	at          string
	json        bool
	file        string
	credentials credentialFlags
	token       verify.JWTCredential
}

// verdict is what the command prints with --json.
type verdict struct {
	Verified  bool            `json:"verified"`
	Provider  string          `json:"provider,omitempty"`
	Event     string          `json:"event,omitempty"`
	ID        string          `json:"id,omitempty"`
	Signed    verify.Coverage `json:"signed,omitempty"`
	Handshake *answer         `json:"handshake,omitempty"`
	Error     verify.Reason   `json:"error,omitempty"`
	Detail    string          `json:"detail,omitempty"`
}

// answer is the response to a handshake.
type answer struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body"`
}

// newAnswer is the answer as it would be sent.
func newAnswer(h *verify.Answer) *answer {
	headers := map[string]string{"X-Content-Type-Options": "nosniff"}
	maps.Copy(headers, h.Header)
	if h.ContentType != "" {
		headers["Content-Type"] = h.ContentType
	}
	return &answer{Status: h.Status, Headers: headers, Body: string(h.Body)}
}

func verifyCommand() *cobra.Command {
	v := new(verification)
	cmd := &cobra.Command{
		Use:   "verify --provider NAME|--spec FILE.json [--secret S]... [--token [HEADER=]T]... [--basic USER:PASS] [--public-url URL] [--issuer I] [--audience A] [--require EXPR] [--at UNIX|RFC3339] [--json] [FILE|-]",
		Short: "Verifies a captured webhook",
		Long: `Verifies a raw HTTP request out of a file or the standard input, as a running
Caddy would. A request without Content-Length has the rest of the file as its
body. A captured request does not say whether it came by https or http; where a
scheme signs the URL, both are tried unless --public-url is given. The keys of a
provider that publishes them are fetched, unless one that fits is given by
--secret.

Exit codes: 0 verified, 1 refused, 2 the command could not be carried out.`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.Flags().StringVar(&v.provider, "provider", "", "Built-in provider")
	completeFlag(cmd, "provider", offer(func([]string) []string { return verify.BuiltinNames() }))
	cmd.Flags().StringVar(&v.specFile, "spec", "", "File with the JSON description of a provider")
	cmd.Flags().StringVar(&v.publicURL, "public-url", "", "URL under which the provider knows the endpoint")
	cmd.Flags().StringVar(&v.at, "at", "", "Time of arrival, in seconds since 1970 or RFC 3339 (default: now)")
	cmd.Flags().BoolVar(&v.json, "json", false, "Print the verdict as JSON")
	v.credentials.add(cmd)
	cmd.Flags().StringVar(&v.token.Issuer, "issuer", "", "Issuer of the tokens of a provider that publishes its keys")
	cmd.Flags().StringVar(&v.token.Audience, "audience", "", "Audience of such tokens")
	cmd.Flags().StringVar(&v.token.Require, "require", "", "Expression over the claims of such tokens")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		v.in, v.out = cmd.InOrStdin(), cmd.OutOrStdout()
		if len(args) > 0 {
			v.file = args[0]
		}
		return run(v.run)(cmd, args)
	}
	return cmd
}

func (v *verification) run() (int, error) {
	spec, err := v.spec()
	if err != nil {
		return exitUsage, err
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	if err := webhook.LoadSchemes(ctx, spec); err != nil {
		return exitUsage, err
	}
	config, err := v.credentials.config(spec.Name)
	if err != nil {
		return exitUsage, err
	}
	config.Unverified = false // a verdict without any credential would be no verdict
	config.PublicURL = v.publicURL
	if err := v.addToken(spec, config); err != nil {
		return exitUsage, err
	}
	verifier, err := verify.New(spec, config, verify.WithClaimsRules(route.CompileClaims))
	if err != nil {
		return exitUsage, err
	}
	capture, err := readCapture(v.file, v.in)
	if err != nil {
		return exitUsage, err
	}
	received, err := v.time()
	if err != nil {
		return exitUsage, err
	}
	result := decide(verifier, capture.request("https", received, spec))
	if result.Error == verify.BadSignature && v.publicURL == "" {
		if other := decide(verifier, capture.request("http", received, spec)); other.Verified {
			result = other
		}
	}
	if result.Error == verify.KeysUnavailable {
		return exitUsage, errors.New(result.Detail)
	}
	if note := capture.note(); note != "" && result.Error == verify.BadSignature {
		result.Detail += "; " + note
	}
	if err := v.print(result); err != nil {
		return exitUsage, err
	}
	if !result.Verified {
		return exitNo, nil
	}
	return 0, nil
}

// addToken says what tokens must say that verify by published keys. Keys that
// are given need not be fetched.
func (v *verification) addToken(spec *verify.Spec, config *verify.Config) error {
	if spec.PublishesKeys() {
		token := v.token
		token.Keys, config.Secrets = config.Secrets, nil
		config.JWT = &token
		return nil
	}
	if v.token.Issuer+v.token.Audience+v.token.Require != "" {
		return fmt.Errorf("--issuer, --audience and --require are for providers that publish their keys, not for %s", spec.Name)
	}
	return nil
}

// spec returns the provider's description.
func (v *verification) spec() (*verify.Spec, error) {
	switch {
	case (v.provider == "") == (v.specFile == ""):
		return nil, errors.New("give either --provider or --spec")
	case v.provider != "":
		spec, ok := verify.Builtin(v.provider)
		if !ok {
			return nil, verify.UnknownProvider(v.provider, nil)
		}
		return spec, nil
	}
	content, err := os.ReadFile(v.specFile)
	if err != nil {
		return nil, err
	}
	spec, err := verify.ParseSpec(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.specFile, err)
	}
	if spec.Name == "" {
		spec.Name = "custom"
	}
	return verify.Resolve(spec.Name, map[string]*verify.Spec{spec.Name: spec})
}

// time returns the time of arrival.
func (v *verification) time() (time.Time, error) {
	if v.at == "" {
		return time.Now(), nil
	}
	if seconds, err := strconv.ParseInt(v.at, 10, 64); err == nil {
		return time.Unix(seconds, 0), nil
	}
	at, err := time.Parse(time.RFC3339, v.at)
	if err != nil {
		return at, fmt.Errorf("--at is neither seconds since 1970 nor RFC 3339: %q", v.at)
	}
	return at, nil
}

// decide verifies a request in full.
func decide(verifier *verify.Verifier, r *verify.Request) *verdict {
	body := r.Body
	r.Body = nil
	err := verifier.Admit(r)
	r.Body = body
	if err != nil {
		return refusal(err)
	}
	result, err := verifier.Verify(r)
	if err != nil {
		return refusal(err)
	}
	v := &verdict{Verified: true, Provider: verifier.Provider().Spec.Name, Signed: result.Signed}
	if h := result.Handshake; h != nil {
		v.Handshake = newAnswer(h)
		return v
	}
	identity, err := route.NewIdentity(verifier.Provider())
	if err != nil {
		return refusal(err)
	}
	event, err := route.NewEvent(verifier.Provider(), identity, r, result)
	if err != nil {
		return refusal(&verify.Error{Reason: verify.Malformed, Detail: err.Error()})
	}
	v.Event, v.ID = event.Name, event.ID
	return v
}

func refusal(err error) *verdict {
	refused, ok := errors.AsType[*verify.Error](err)
	if !ok {
		return &verdict{Error: verify.Malformed, Detail: err.Error()}
	}
	return &verdict{Error: refused.Reason, Detail: refused.Detail}
}

// print writes the verdict.
func (v *verification) print(result *verdict) error {
	if v.json {
		return writeJSON(v.out, result, "")
	}
	if !result.Verified {
		_, err := fmt.Fprintf(v.out, "refused: %s\n%s\n", result.Error, printable(result.Detail))
		return err
	}
	fmt.Fprintf(v.out, "verified: %s\nsigned: %s\n", result.Provider, result.Signed)
	if h := result.Handshake; h != nil {
		fmt.Fprintf(v.out, "handshake, answered with status %d\n", h.Status)
		for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
			fmt.Fprintf(v.out, "%s: %s\n", name, printable(h.Headers[name]))
		}
		_, err := fmt.Fprintf(v.out, "\n%s\n", printableLines(h.Body))
		return err
	}
	_, err := fmt.Fprintf(v.out, "event: %s\nid: %s\n", printable(result.Event), printable(result.ID))
	return err
}
