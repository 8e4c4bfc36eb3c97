package command

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/internal/version"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// sendTimeout bounds how long a test webhook may take.
const sendTimeout = 30 * time.Second

// sender is one run of caddy webhooks send.
type sender struct {
	out         io.Writer
	notes       io.Writer // where it says what may not be meant
	choice      choice
	provider    string
	config      string
	to          string
	id          string
	way         int // counted from 1
	headers     []string
	resolve     []string
	insecure    bool
	verbose     bool
	tamper      bool
	renew       string
	client      string
	tenant      string
	credentials credentialFlags
}

func sendCommand(samples fs.FS) *cobra.Command {
	s := &sender{choice: choice{samples: samples}}
	cmd := &cobra.Command{
		Use:   "send <provider> --to URL [--secret S] [--token [HEADER=]T]... [--basic USER:PASS] [--event E] [flags]",
		Short: "Sends a sample webhook, signed as the provider would",
		Long: `Sends a sample webhook, signed as the provider would, and prints what is
answered; with --verbose also what is sent. Tokens and passwords are not printed.

Samples show the shape of an event; their values are made up. Each is sent with
an id of its own, where the id's place is known, so that it is no duplicate of the
one before; --id sends one again. With --config the provider may be one that a
configuration describes; where nothing like it is built in, give its --payload.

With --renew it first fetches a token there, as Instaleap does at its RenewURL,
and sends it as Authorization: Bearer.

With --tamper it spoils what the provider's scheme protects, after signing: a
signed field, the body, or else the credential. Such a webhook must be refused.

Exit codes: 0 the answer's status is below 400, 1 it is not, 2 nothing was sent.`,
		Args: cobra.ExactArgs(1),
	}
	flags := cmd.Flags()
	flags.StringVar(&s.to, "to", "", "URL to send to (required)")
	flags.StringVar(&s.choice.event, "event", "", "Event to send (default: the sample's)")
	flags.StringVar(&s.choice.file, "payload", "", "File with the payload (default: the built-in sample)")
	flags.StringVar(&s.id, "id", "", "Delivery id to send (default: a new one)")
	flags.IntVar(&s.way, "way", 1, "In which of the provider's ways to sign, where it has several")
	flags.StringArrayVar(&s.headers, "header", nil, "Further header, as 'NAME: VALUE'")
	flags.StringVar(&s.config, "config", "", "Configuration that describes the provider")
	flags.StringArrayVar(&s.resolve, "resolve", nil, "Where a host is to be found, as HOST:PORT:ADDRESS")
	flags.BoolVar(&s.insecure, "insecure", false, "Take any certificate of the server")
	flags.BoolVarP(&s.verbose, "verbose", "v", false, "Also print what is sent")
	flags.BoolVar(&s.tamper, "tamper", false, "Spoil the webhook after signing it")
	flags.StringVar(&s.renew, "renew", "", "URL to fetch a token from, such as that of webhook_token")
	flags.StringVar(&s.client, "client", "", "Credentials for --renew, as ID:SECRET (@FILE reads them from a file)")
	flags.StringVar(&s.tenant, "tenant", "", "A tenant's JSON, as @FILE, whose first credentials for the provider are used")
	s.credentials.add(cmd)
	cmd.ValidArgsFunction = once(verify.BuiltinNames)
	completeFlag(cmd, "event", offer(func(args []string) []string { return eventsOf(strings.Join(args, "")) }))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s.provider, s.out, s.notes = args[0], cmd.OutOrStdout(), cmd.ErrOrStderr()
		return run(s.run)(cmd, args)
	}
	return cmd
}

func (s *sender) run() (int, error) {
	client, err := s.httpClient()
	if err != nil {
		return exitUsage, err
	}
	sent, err := s.prepare()
	if err != nil {
		return exitUsage, err
	}
	if s.verbose {
		sent.printRequest(s.out)
	}
	response, err := client.Do(sent.request)
	if err != nil {
		return exitUsage, err
	}
	defer response.Body.Close()
	if err := sent.printResponse(s.out, response); err != nil {
		return exitUsage, err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return exitNo, nil
	}
	return 0, nil
}

// note tells of what may not be meant.
func (s *sender) note(text string) {
	if text != "" {
		fmt.Fprintln(s.notes, "note: "+text)
	}
}

// httpClient finds hosts and takes certificates as the flags say.
func (s *sender) httpClient() (*http.Client, error) {
	addresses := make(map[string]string)
	for _, text := range s.resolve {
		parts := strings.SplitN(text, ":", 3)
		if len(parts) != 3 || parts[2] == "" {
			return nil, fmt.Errorf("--resolve needs HOST:PORT:ADDRESS, such as hooks.example.com:443:127.0.0.1, not %q", text)
		}
		addresses[net.JoinHostPort(parts[0], parts[1])] = net.JoinHostPort(strings.Trim(parts[2], "[]"), parts[1])
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: s.insecure} //nolint:gosec // who says --insecure wants that
	dialer := new(net.Dialer)
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if instead, ok := addresses[address]; ok {
			address = instead
		}
		return dialer.DialContext(ctx, network, address)
	}
	return &http.Client{
		Timeout:       sendTimeout,
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// prepare makes the signed, and perhaps spoilt, request.
func (s *sender) prepare() (*sending, error) {
	spec, err := s.spec()
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(s.to)
	if err != nil || target.Host == "" {
		return nil, fmt.Errorf("--to needs a URL such as http://localhost:8080/hook, not %q", s.to)
	}
	config, err := s.credentialsFor(spec)
	if err != nil {
		return nil, err
	}
	chosen, err := s.sample(spec)
	if err != nil {
		return nil, err
	}
	request := chosen.request(spec, target)
	if err := verify.Sign(spec, config, request); err != nil {
		return nil, err
	}
	sent := &sending{spec: spec, config: config, to: s.to, body: request.Body.Bytes()}
	sent.event, _ = identify(spec, request) // its name and id are shown where they can be read
	if s.tamper {
		if sent.body, err = tamper(spec, config, request, sent.body); err != nil {
			return nil, err
		}
	}
	if sent.request, err = http.NewRequest(request.Method, request.URL.String(), bytes.NewReader(sent.body)); err != nil {
		return nil, err
	}
	sent.request.Header = request.Header
	sent.request.Header.Set("User-Agent", version.UserAgent())
	if host := request.Header.Get("Host"); host != "" {
		sent.request.Host = host
		sent.request.Header.Del("Host")
	}
	return sent, nil
}

// spec returns the provider's description in the way that is asked for: that of a
// built-in provider, or of one of the configuration.
func (s *sender) spec() (*verify.Spec, error) {
	own := make(map[string]*verify.Spec)
	if s.config != "" {
		var err error
		if own, err = ownProviders(s.config); err != nil {
			return nil, err
		}
	}
	spec, err := verify.Resolve(s.provider, own)
	if err != nil {
		return nil, err
	}
	ways := spec.Ways()
	if s.way < 1 || s.way > len(ways) {
		return nil, fmt.Errorf("--way is %d, but the ways in which %s signs are counted from 1 to %d", s.way, s.provider, len(ways))
	}
	return ways[s.way-1], nil
}

// ownProviders reads the providers that a configuration describes.
func ownProviders(file string) (map[string]*verify.Spec, error) {
	adapted, err := adapt(file, "")
	if err != nil {
		return nil, err
	}
	var config struct {
		Apps struct {
			Webhooks struct {
				Providers map[string]*verify.Spec `json:"providers"`
			} `json:"webhooks"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(adapted, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	own := config.Apps.Webhooks.Providers
	for name, spec := range own {
		spec.Name = name
	}
	return own, nil
}

// credentialsFor returns the configuration of an endpoint that expects what the
// flags give.
func (s *sender) credentialsFor(spec *verify.Spec) (*verify.Config, error) {
	if err := s.fetchToken(); err != nil {
		return nil, err
	}
	config, err := s.credentials.config(s.provider)
	if err != nil {
		return nil, err
	}
	if s.tenant != "" {
		if err := useTenant(s.tenant, spec, config); err != nil {
			return nil, err
		}
	}
	if config.Unverified {
		s.note("it is sent without any proof, as neither --secret, --token, --basic nor --tenant is given")
	}
	return config, nil
}

// sample chooses the webhook, and gives it an id and the headers of the flags.
func (s *sender) sample(spec *verify.Spec) (*sample, error) {
	chosen, err := s.choice.sample(spec)
	if errors.Is(err, errNoSample) {
		return nil, fmt.Errorf("%w; give one with --payload", err)
	}
	if err != nil {
		return nil, err
	}
	s.note(unknownEvent(spec, s.choice.event))
	if chosen.of != "" {
		s.note(fmt.Sprintf("no sample of %s is built in; the payload is that of %s", s.choice.event, chosen.of))
	}
	switch {
	case s.id != "":
		err = chosen.setID(spec, func(string) string { return s.id })
	case s.choice.file == "":
		_ = chosen.setID(spec, freshID) // one that cannot be renewed stays
	}
	if err != nil {
		return nil, err
	}
	for _, text := range s.headers {
		name, value, ok := strings.Cut(text, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("--header needs 'NAME: VALUE', not %q", text)
		}
		chosen.header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return chosen, nil
}

// identify names the event of a request as its endpoint would.
func identify(spec *verify.Spec, request *verify.Request) (*route.Event, error) {
	provider, err := verify.Compile(spec)
	if err != nil {
		return nil, err
	}
	result, err := provider.Identify(request)
	if err != nil {
		return nil, err
	}
	identity, err := route.NewIdentity(provider)
	if err != nil {
		return nil, err
	}
	return route.NewEvent(provider, identity, request, result)
}

// freshID makes an id like another one: a UUID, or the same words in front of as
// many other letters and digits.
func freshID(old string) string {
	if old == "" || uuid.Validate(old) == nil {
		return uuid.NewString()
	}
	start := strings.LastIndexAny(old, "_-.:/") + 1
	if len(old)-start < 4 {
		start = 0 // what stands behind is too short to differ
	}
	digits := strings.Trim(old[start:], "0123456789._-:/") == ""
	fresh := strings.ReplaceAll(uuid.NewString()+uuid.NewString(), "-", "")
	id := []byte(old)
	for i := range min(len(id)-start, len(fresh)) {
		switch c := fresh[i]; {
		case strings.IndexByte("_-.:/", id[start+i]) >= 0:
		case digits:
			id[start+i] = '1' + c%9
		default:
			id[start+i] = c
		}
	}
	return string(id)
}
