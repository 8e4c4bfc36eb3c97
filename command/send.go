package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// sendTimeout bounds how long a test webhook may take.
const sendTimeout = 30 * time.Second

// sender is one run of caddy webhooks send.
type sender struct {
	samples     fs.FS
	out         io.Writer
	provider    string
	to          string
	event       string
	payloadFile string
	tamper      bool
	renew       string
	client      string
	tenant      string
	credentials credentialFlags
}

func sendCommand(samples fs.FS) *cobra.Command {
	s := &sender{samples: samples}
	cmd := &cobra.Command{
		Use:   "send <provider> --to URL [--secret S] [--token [HEADER=]T]... [--basic USER:PASS] [--tenant @FILE] [--renew URL --client ID:SECRET] [--event E] [--payload FILE] [--tamper]",
		Short: "Sends a sample webhook, signed as the provider would",
		Long: `Sends a sample webhook, signed as the provider would, and prints what was sent
and what was answered, with the status line last. Tokens and passwords are not
printed.

With --renew it first fetches a token there, as Instaleap does at its RenewURL,
and sends it as Authorization: Bearer.

With --tamper it spoils what the provider's scheme protects, after signing: a
signed field, the body, or else the credential. Such a webhook must be refused.

Exit codes: 0 the answer's status is below 400, 1 it is not, 2 nothing was sent.`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&s.to, "to", "", "URL to send to (required)")
	cmd.Flags().StringVar(&s.event, "event", "", "Event to send (default: the sample's)")
	cmd.Flags().StringVar(&s.payloadFile, "payload", "", "File with the payload (default: the built-in sample)")
	cmd.Flags().BoolVar(&s.tamper, "tamper", false, "Spoil the webhook after signing it")
	cmd.Flags().StringVar(&s.renew, "renew", "", "URL to fetch a token from, such as that of webhook_token")
	cmd.Flags().StringVar(&s.client, "client", "", "Credentials for --renew, as ID:SECRET (@FILE reads them from a file)")
	cmd.Flags().StringVar(&s.tenant, "tenant", "", "A tenant's JSON, as @FILE, whose first credentials for the provider are used")
	s.credentials.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s.provider, s.out = args[0], cmd.OutOrStdout()
		return run(s.run)(cmd, args)
	}
	return cmd
}

func (s *sender) run() (int, error) {
	request, body, err := s.prepare()
	if err != nil {
		return exitUsage, err
	}
	s.printRequest(request, body)
	client := &http.Client{
		Timeout:       sendTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return exitUsage, err
	}
	defer response.Body.Close()
	if err := s.printResponse(response); err != nil {
		return exitUsage, err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return exitNo, nil
	}
	return 0, nil
}

// prepare makes the signed, and perhaps spoilt, request.
func (s *sender) prepare() (*http.Request, []byte, error) {
	spec, ok := verify.Builtin(s.provider)
	if !ok {
		return nil, nil, verify.UnknownProvider(s.provider, nil)
	}
	target, err := url.Parse(s.to)
	if err != nil || target.Host == "" {
		return nil, nil, fmt.Errorf("--to needs a URL such as http://localhost:8080/hook, not %q", s.to)
	}
	if err := s.fetchToken(); err != nil {
		return nil, nil, err
	}
	config, err := s.credentials.config(s.provider)
	if err != nil {
		return nil, nil, err
	}
	if s.tenant != "" {
		if err := useTenant(s.tenant, spec, config); err != nil {
			return nil, nil, err
		}
	}
	sample, err := s.sample(spec)
	if err != nil {
		return nil, nil, err
	}
	request := sample.request(spec, target)
	if err := verify.Sign(spec, config, request); err != nil {
		return nil, nil, err
	}
	body := request.Body.Bytes()
	if s.tamper {
		if body, err = tamper(spec, config, request, body); err != nil {
			return nil, nil, err
		}
	}
	out, err := http.NewRequest(request.Method, request.URL.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	out.Header = request.Header
	out.Header.Set("User-Agent", userAgent())
	return out, body, nil
}

// request makes an unsigned request of a sample.
func (s *sample) request(spec *verify.Spec, target *url.URL) *verify.Request {
	method := http.MethodPost
	if len(spec.Methods) > 0 && !slices.Contains(spec.Methods, method) {
		method = spec.Methods[0]
	}
	return &verify.Request{
		Method:   method,
		URL:      target,
		Header:   s.header.Clone(),
		Received: time.Now(),
		Body:     payload.New(s.body, s.header.Get("Content-Type"), spec.FormField),
	}
}

// tamper spoils what protects a signed request: what is signed, or else the
// credential.
func tamper(spec *verify.Spec, config *verify.Config, r *verify.Request, body []byte) ([]byte, error) {
	provider, err := verify.Compile(spec.Ways()[0]) // in which it was signed
	if err != nil {
		return nil, err
	}
	switch {
	case len(config.Secrets) > 0 && provider.Coverage() == verify.SignedBody:
		return append(slices.Clone(body), ' '), nil
	case len(config.Secrets) > 0 && provider.Coverage() == verify.SignedFields:
		return tamperField(provider, r, body)
	case config.JWT != nil:
		return body, tamperToken(config.JWT, spec, r)
	case config.Unverified:
		return nil, errors.New("nothing protects this webhook, so there is nothing to spoil; give a secret, token or basic")
	}
	err = verify.Sign(spec, spoil(config), r)
	return r.Body.Bytes(), err
}

// spoil returns credentials that are wrong and otherwise alike.
func spoil(config *verify.Config) *verify.Config {
	wrong := &verify.Config{Provider: config.Provider}
	for _, secret := range config.Secrets {
		wrong.Secrets = append(wrong.Secrets, secret+"x")
	}
	for _, token := range config.Tokens {
		wrong.Tokens = append(wrong.Tokens, token+"x")
	}
	for _, header := range config.TokenHeaders {
		wrong.TokenHeaders = append(wrong.TokenHeaders, verify.TokenHeader{Name: header.Name, Values: []string{header.Values[0] + "x"}})
	}
	for _, account := range config.Basic {
		account.Password += "x"
		wrong.Basic = append(wrong.Basic, account)
	}
	return wrong
}

// tamperToken changes the signature of a JSON Web Token.
func tamperToken(credential *verify.JWTCredential, spec *verify.Spec, r *verify.Request) error {
	header := credential.HeaderName(spec)
	token := r.Header.Get(header)
	at := strings.LastIndexByte(token, '.') + 1
	if at == 0 || at == len(token) {
		return fmt.Errorf("%s holds no token that could be spoilt", header)
	}
	first := "A"
	if token[at] == 'A' {
		first = "B"
	}
	r.Header.Set(header, token[:at]+first+token[at+1:])
	return nil
}

// tamperField changes the last signed field that stands in the body or in a
// header.
func tamperField(provider *verify.Provider, r *verify.Request, body []byte) ([]byte, error) {
	for _, name := range slices.Backward(provider.SignedFields()) {
		if path, ok := strings.CutPrefix(name, "body."); ok {
			return changeField(body, path, func(old string) string { return old + "X" })
		}
		if header, ok := strings.CutPrefix(name, "header."); ok {
			r.Header.Set(header, r.Header.Get(header)+"X")
			return body, nil
		}
		if path, ok := strings.CutPrefix(name, "item."); ok {
			array := strings.TrimPrefix(provider.Spec.ForEach, "body.")
			return changeField(body, array+".0."+path, func(old string) string { return old + "X" })
		}
		if field, ok := strings.CutPrefix(name, "form."); ok {
			return changeForm(body, field)
		}
	}
	return nil, errors.New("cannot spoil any of the signed fields")
}

// changeForm changes a field of a form; where the whole form is signed, it
// adds one.
func changeForm(body []byte, field string) ([]byte, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	if field == "sorted" || field == "php" {
		field = "Tampered"
	}
	form.Set(field, form.Get(field)+"X")
	return []byte(form.Encode()), nil
}

// isCredential reports whether a header of the request holds a credential.
func isCredential(config *verify.Config, spec *verify.Spec, name string) bool {
	for _, token := range config.TokenHeaders {
		if http.CanonicalHeaderKey(token.Name) == name {
			return true
		}
	}
	if name == "Authorization" {
		return true
	}
	if spec.Token == nil {
		return false
	}
	header, ok := strings.CutPrefix(spec.Token.From, "header.")
	return ok && http.CanonicalHeaderKey(header) == name
}

// printRequest shows what is sent, without tokens and passwords.
func (s *sender) printRequest(r *http.Request, body []byte) {
	config, _ := s.credentials.config(s.provider)
	spec, _ := verify.Builtin(s.provider)
	fmt.Fprintf(s.out, "> %s %s\n", r.Method, hide(r.URL.String(), config, spec))
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			if isCredential(config, spec, name) {
				value = "(not shown)"
			}
			fmt.Fprintf(s.out, "> %s: %s\n", name, value)
		}
	}
	fmt.Fprintf(s.out, "\n%s\n\n", hide(strings.TrimRight(string(body), "\n"), config, spec))
}

// hide replaces tokens that a provider sends in the body.
func hide(body string, config *verify.Config, spec *verify.Spec) string {
	tokens := config.Tokens
	if spec.Scheme == "token" {
		tokens = slices.Concat(tokens, config.Secrets)
	}
	for _, token := range tokens {
		body = strings.ReplaceAll(body, token, "(not shown)")
	}
	return body
}

// printResponse shows what was answered.
func (s *sender) printResponse(r *http.Response) error {
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			fmt.Fprintf(s.out, "< %s: %s\n", name, value)
		}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return err
	}
	if len(body) > 0 {
		fmt.Fprintf(s.out, "\n%s\n\n", bytes.TrimRight(body, "\n"))
	}
	_, err = fmt.Fprintf(s.out, "%s %s\n", r.Proto, r.Status)
	return err
}
