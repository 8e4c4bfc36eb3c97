package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/history"
)

func eventsExportCommand() *cobra.Command {
	admin, chosen := new(adminFlags), new(selectFlags)
	var folder string
	var hook bool
	cmd := strict(&cobra.Command{
		Use: "export [<ref>...]", Short: "Writes the requests of events, as explain, verify and diagnose read them", Args: cobra.ArbitraryArgs,
		Long: `Writes the requests of events as HTTP/1.1 has them, which explain, verify and
diagnose read, or as test cases for caddy webhooks test. One event goes to the
standard output; several need --output.

Exit codes: 0 it was done, 1 nothing was found, 2 it could not be done.`,
	})
	admin.add(cmd)
	chosen.add(cmd, admin)
	cmd.Flags().StringVarP(&folder, "output", "o", "", "Folder to write files to, named by the refs")
	cmd.Flags().BoolVar(&hook, "hook", false, "Write test cases that expect what was decided")
	cmd.RunE = func(cmd *cobra.Command, refs []string) error {
		return admin.ask(func(w io.Writer) error {
			events := eventsAdmin{adminFlags: *admin}
			found, err := events.findAll(chosen, refs, maxPage)
			if err != nil {
				return err
			}
			if len(found) > 1 && folder == "" {
				return fmt.Errorf("%d events are chosen; give --output with a folder to write them to", len(found))
			}
			for _, e := range found {
				if err := events.export(w, e.Ref, folder, hook); err != nil {
					return err
				}
			}
			return nil
		})(cmd, refs)
	}
	return cmd
}

// findAll returns what flags or refs choose, the earliest first. More than limit is an error,
// and so is nothing.
func (a *eventsAdmin) findAll(chosen *selectFlags, refs []string, limit int) ([]*archive.Summary, error) {
	selectors, err := chosen.selectors(refs)
	if err != nil {
		return nil, err
	}
	if len(selectors) == 0 {
		return nil, errors.New("nothing is chosen; give refs, or flags such as --id or --since")
	}
	found, err := a.find(selectors, limit+1)
	switch {
	case err != nil:
		return nil, err
	case len(found) > limit:
		return nil, fmt.Errorf("more than %d events are chosen; choose fewer, or raise --limit where there is one", limit)
	case len(found) == 0:
		fmt.Fprintln(os.Stderr, "0 found")
		return nil, errNo
	}
	slices.Reverse(found)
	return found, nil
}

// export writes one event.
func (a *eventsAdmin) export(w io.Writer, ref, folder string, hook bool) error {
	content, extension := []byte(nil), ".http"
	var err error
	if hook {
		extension = ".hook"
		var event *history.Event
		if event, err = a.get(ref); err == nil {
			var text string
			text, err = hookOf(event)
			content = []byte(text)
		}
	} else {
		content, err = a.request(ref)
	}
	if err != nil {
		return err
	}
	if folder == "" {
		_, err := w.Write(content)
		return err
	}
	path := filepath.Join(folder, filepath.Base(ref)+extension)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, path)
	return err
}

// resend is one run of caddy webhooks events resend.
type resend struct {
	eventsAdmin
	selectFlags
	refs  []string
	to    string
	rate  string
	after string
	limit int

	out      io.Writer
	progress io.Writer // a terminal; nil: there is none
	target   *target
}

func eventsResendCommand() *cobra.Command {
	r := new(resend)
	cmd := strict(&cobra.Command{
		Use: "resend [<ref>...] [--to URL] [--rate N/s]", Short: "Hands events to their endpoint's routes again, or to a URL", Args: cobra.ArbitraryArgs,
		Long: `Hands events to the routes of the endpoint where they came, or posts them to a URL,
one after the other, the earliest first. The app gets the same id, and the header
Webhook-Resend: 1. An event that was refused is verified anew first, by the secrets
as they are now and as of when it came; what still fails is said, and not sent.

A run that was interrupted goes on with --after and the ref that it names.

Exit codes: 0 all were taken, 1 some were not, or nothing was found, 2 it could not be done.`,
	})
	r.adminFlags.add(cmd)
	r.format.add(cmd)
	r.selectFlags.add(cmd, &r.adminFlags)
	cmd.Flags().StringVar(&r.to, "to", "", "Post them to this URL instead")
	cmd.Flags().StringVar(&r.rate, "rate", "10/s", "How many are begun in a second (n/s) or a minute (n/m)")
	cmd.Flags().StringVar(&r.after, "after", "", "Only those that came after the event with this ref")
	cmd.Flags().IntVar(&r.limit, "limit", maxPage, "How many to send at most; more is an error before anything is sent")
	cmd.RunE = func(cmd *cobra.Command, refs []string) error {
		r.out, r.refs = cmd.OutOrStdout(), refs
		if isTerminal(os.Stderr) && !isTerminal(r.out) {
			r.progress = os.Stderr
		}
		return run(func() (int, error) {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			return exitCode(r.run(ctx))
		})(cmd, refs)
	}
	return cmd
}

func (r *resend) run(ctx context.Context) error {
	interval, err := parseRate(r.rate)
	if err != nil {
		return err
	}
	if r.to != "" {
		if r.target, err = newTarget(r.to); err != nil {
			return err
		}
	}
	found, err := r.findAll(&r.selectFlags, r.refs, r.limit)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(e *archive.Summary) bool { return r.after != "" && e.Ref <= r.after })
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	taken := 0
	for i, e := range found {
		resent, err := r.one(ctx, e)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, goOn(found, i))
		}
		if resent.Status/100 == 2 {
			taken++
		}
		if err := r.tell(e, resent, i+1, len(found)); err != nil {
			return err
		}
		if i == len(found)-1 {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("interrupted\n%s", goOn(found, i+1))
		case <-ticker.C:
		}
	}
	if !r.json {
		fmt.Fprintf(r.out, "%d of %d taken\n", taken, len(found))
	}
	if taken < len(found) || taken == 0 {
		return errNo
	}
	return nil
}

// goOn says how a run goes on that has sent so many.
func goOn(found []*archive.Summary, sent int) string {
	if sent == 0 {
		return "nothing was sent"
	}
	return fmt.Sprintf("%d of %d were sent; go on with --after %s", sent, len(found), found[sent-1].Ref)
}

// parseRate returns how long it is from one to the next.
func parseRate(text string) (time.Duration, error) {
	count, unit, _ := strings.Cut(text, "/")
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute}[unit]
	number, err := strconv.Atoi(count)
	if err != nil || number < 1 || per == 0 || number > int(per/time.Microsecond) {
		return 0, fmt.Errorf("--rate: %q is not a rate; write something like 10/s or 30/m", text)
	}
	return per / time.Duration(number), nil
}

// one hands one event over.
func (r *resend) one(ctx context.Context, e *archive.Summary) (*history.Resent, error) {
	ref := url.Values{"ref": {e.Ref}}
	resent := new(history.Resent)
	if r.target == nil {
		return resent, r.post("/resend", ref, resent)
	}
	if e.Refused {
		if err := r.post("/verify", ref, resent); err != nil || resent.Outcome != history.OutcomeVerified {
			return resent, err
		}
	}
	content, err := r.request(e.Ref)
	if err != nil {
		return nil, err
	}
	request, err := parseCapture(content)
	if err != nil {
		return nil, err
	}
	request.Header.Set(history.HeaderResend, "1")
	resent.Ref, resent.Outcome, resent.Redacted = e.Ref, archive.Resent, e.Redacted
	answer, err := r.target.post(ctx, request)
	if err != nil {
		resent.Detail = err.Error()
		return resent, nil
	}
	resent.Status, resent.Body, resent.Duration = answer.status, answer.body, answer.took
	return resent, nil
}

// tell prints what came of one.
func (r *resend) tell(e *archive.Summary, resent *history.Resent, number, of int) error {
	if r.progress != nil {
		fmt.Fprintf(r.progress, "\r%d of %d", number, of)
		if number == of {
			fmt.Fprintln(r.progress)
		}
	}
	if r.json {
		return writeJSON(r.out, resent, "")
	}
	parts := []string{e.Ref, e.Event, e.ID, resent.Outcome}
	if resent.Status != 0 {
		parts = append(parts, fmt.Sprint(resent.Status))
	}
	if resent.Detail != "" {
		parts = append(parts, "("+resent.Detail+")")
	}
	if resent.Redacted {
		parts = append(parts, "(without what the archive has left out of it)")
	}
	_, err := fmt.Fprintln(r.out, printable(strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "  ")))
	return err
}
