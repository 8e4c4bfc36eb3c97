package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/history"
	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// listener is one run of caddy webhooks listen.
type listener struct {
	adminFlags
	credentialFlags
	to, endpoint, event string
	last                uint64

	out      io.Writer
	colored  bool
	interval time.Duration // between two questions
	target   *target

	instance string // of the Caddy that was asked last
	after    uint64 // the latest event that was asked for
	away     bool   // Caddy does not answer
}

func listenCommand() *cobra.Command {
	l := &listener{interval: tailInterval}
	cmd := &cobra.Command{
		Use:   "listen --to URL [--endpoint NAME] [--event PATTERN] [--last N] [--secret @FILE]",
		Short: "Posts the webhooks that come to a running Caddy to your machine, too",
		Long: `Posts a copy of each webhook that a running Caddy has accepted to a URL, as a rule one
of the machine that this runs on, and prints what is answered. The provider's request
goes out as it came, but for its tokens, which Caddy does not keep; its path is kept
if the URL has none. With --secret it is signed anew, by the provider's scheme.

Caddy's own app is not in the way of it, nor it in the app's. It asks the administration
endpoint, here or through a tunnel; the configuration has to say archive. It goes on until
it is interrupted, also while Caddy is reloaded or started anew.

Exit codes: 0 it was interrupted, 2 Caddy did not answer at the beginning.`,
		Args: cobra.NoArgs,
	}
	l.adminFlags.add(cmd)
	l.credentialFlags.add(cmd)
	cmd.Flags().StringVar(&l.to, "to", "", "Where to post them, such as http://localhost:3000")
	cmd.Flags().StringVar(&l.endpoint, "endpoint", "", "Only webhooks that came to the endpoint of this name")
	cmd.Flags().StringVar(&l.event, "event", "", "Only events of this name; * stands for any characters")
	cmd.Flags().Uint64Var(&l.last, "last", 0, "Begin with so many of those that came before, at most 1000")
	completeFlag(cmd, "endpoint", offer(l.endpointNames))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		l.out = cmd.OutOrStdout()
		l.colored = isTerminal(l.out) && os.Getenv("NO_COLOR") == ""
		return run(func() (int, error) {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			return exitCode(l.run(ctx))
		})(cmd, args)
	}
	return cmd
}

func (l *listener) run(ctx context.Context) error {
	if l.to == "" {
		return fmt.Errorf("--to is missing; write something like --to http://localhost:3000")
	}
	var err error
	if l.target, err = newTarget(l.to); err != nil {
		return err
	}
	address, err := l.find()
	if err != nil {
		return err
	}
	// What came before is not asked for, but for the last ones.
	now, err := l.latest(address, math.MaxUint64)
	if err != nil {
		return err
	}
	l.instance, l.after = now.Instance, now.Last-min(l.last, now.Last)
	fmt.Fprintf(l.out, "listening to Caddy at %s; webhooks go to %s\n", address, l.target.url.Redacted())
	ticker := time.NewTicker(l.interval)
	defer ticker.Stop()
	for {
		l.step(ctx, address)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// latest asks for what came after a number.
func (l *listener) latest(address string, after uint64) (*history.Latest, error) {
	response, err := adminRequest(address, http.MethodGet, fmt.Sprintf("%s/latest?after=%d", eventsPath, after), nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	found := new(history.Latest)
	return found, json.NewDecoder(response.Body).Decode(found)
}

// step posts what has come since the last time. A Caddy that does not answer is told of
// once: it may be started anew.
func (l *listener) step(ctx context.Context, address string) {
	found, err := l.latest(address, l.after)
	if err == nil && found.Instance != l.instance { // it counts from 1
		found, err = l.latest(address, 0)
	}
	if err != nil {
		if !l.away {
			fmt.Fprintln(l.out, printable(err.Error()))
		}
		l.away = true
		return
	}
	if l.away {
		fmt.Fprintln(l.out, "Caddy answers again")
	}
	l.away, l.instance, l.after = false, found.Instance, found.Last
	if found.Missed > 0 {
		fmt.Fprintf(l.out, "%d webhooks came too quickly, and are left out\n", found.Missed)
	}
	for _, e := range found.Events {
		if ctx.Err() == nil && (l.endpoint == "" || l.endpoint == e.Endpoint) && (l.event == "" || route.Patterns{l.event}.Match(e.Event)) {
			l.pass(ctx, e)
		}
	}
}

// pass posts one webhook, and prints the answer.
func (l *listener) pass(ctx context.Context, e *archive.Summary) {
	line := []string{time.Now().Format(time.TimeOnly), e.Endpoint, e.Event, e.ID}
	status, err := l.post(ctx, e)
	if err != nil {
		line = append(line, l.paint(red, err.Error()))
	} else {
		line = append(line, status)
	}
	for i := range line[:4] {
		line[i] = printable(line[i])
	}
	fmt.Fprintln(l.out, strings.Join(line, "  "))
}

func (l *listener) post(ctx context.Context, e *archive.Summary) (string, error) {
	content, err := l.request(e.Ref)
	if err != nil {
		return "", err
	}
	captured, err := parseCapture(content)
	if err != nil {
		return "", err
	}
	if err := l.sign(e, captured); err != nil {
		return "", err
	}
	answer, err := l.target.post(ctx, captured)
	if err != nil {
		return "", err
	}
	color := green
	if answer.status/100 != 2 {
		color = red
	}
	return l.paint(color, answer.text) + " in " + answer.took.Round(100*time.Microsecond).String(), nil
}

// sign replaces the provider's signature by one of the flags' secrets, if there are any.
func (l *listener) sign(e *archive.Summary, captured *capture) error {
	if len(l.secrets)+len(l.tokens)+len(l.basic) == 0 {
		return nil
	}
	own := map[string]*verify.Spec{}
	if l.adminFlags.config != "" {
		var err error
		if own, err = ownProviders(l.adminFlags.config); err != nil {
			return err
		}
	}
	spec, err := verify.Resolve(e.Provider, own)
	if err != nil {
		return fmt.Errorf("%w; --config names the configuration that describes it", err)
	}
	config, err := l.credentialFlags.config(e.Provider)
	if err != nil {
		return err
	}
	to := *l.target.at(captured.URL)
	request := &verify.Request{
		Method: captured.Method, URL: &to, Header: captured.Header, ClientIP: netip.Addr{}, Received: time.Now(),
		Body: payload.New(captured.body, captured.Header.Get("Content-Type"), spec.FormField),
	}
	if err := verify.SignWithClaims(spec, config, request, nil); err != nil {
		return err
	}
	captured.body = request.Body.Bytes()
	captured.URL = &url.URL{Path: request.URL.Path, RawPath: request.URL.RawPath, RawQuery: request.URL.RawQuery}
	return nil
}

// The colors of a terminal.
const (
	red   = "31"
	green = "32"
)

// paint makes a text fit for a terminal, in color if that is wanted.
func (l *listener) paint(color, text string) string {
	text = printable(text)
	if !l.colored {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
