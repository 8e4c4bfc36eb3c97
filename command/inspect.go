package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// inspector is one run of caddy webhooks inspect.
type inspector struct {
	out    io.Writer
	admin  adminFlags
	listen string
}

func inspectCommand() *cobra.Command {
	i := new(inspector)
	cmd := &cobra.Command{
		Use:   "inspect [--address ADDRESS] [--listen ADDRESS]",
		Short: "Shows the webhooks that come to a running Caddy in a browser",
		Long: `Serves a page to this machine's browser that shows the webhooks that come to a
running Caddy, out of its administration endpoint, and prints the page's
address. The configuration has to say inspect.

A browser cannot open the administration endpoint itself: Caddy answers no page
that is navigated to. What this command serves is for reading only.`,
		Args: cobra.NoArgs,
	}
	i.admin.add(cmd)
	cmd.Flags().StringVar(&i.listen, "listen", "localhost:2020", "Loopback address to serve the page at; port 0 is any that is free")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		i.out = cmd.OutOrStdout()
		return run(func() (int, error) {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			return i.run(ctx)
		})(cmd, args)
	}
	return cmd
}

func (i *inspector) run(ctx context.Context) (int, error) {
	admin, err := i.admin.find()
	if err != nil {
		return exitUsage, err
	}
	answer, err := adminRequest(admin, http.MethodGet, inspectorPath, nil)
	if err != nil {
		return exitUsage, err
	}
	_ = answer.Body.Close()
	listener, err := net.Listen("tcp", i.listen)
	if err != nil {
		return exitUsage, err
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok || !address.IP.IsLoopback() {
		_ = listener.Close()
		return exitUsage, errors.New("--listen must be a loopback address: whoever reaches the page sees what has come")
	}
	server := &http.Server{Handler: relay(admin, address), ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintf(i.out, "http://%s%s\n", address, inspectorPath)
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return exitUsage, err
	}
	return 0, nil
}

// inspectorPath begins the paths that are handed on, and no others.
const inspectorPath = "/webhooks/"

// relay hands requests for reading on to an administration endpoint. Pages of
// others get nothing: they would come under another name, or from elsewhere.
func relay(admin string, own *net.TCPAddr) http.HandlerFunc {
	hosts := map[string]bool{own.String(): true, fmt.Sprintf("localhost:%d", own.Port): true}
	return func(w http.ResponseWriter, r *http.Request) {
		site := r.Header.Get("Sec-Fetch-Site")
		switch {
		case !hosts[strings.ToLower(r.Host)] || site != "" && site != "same-origin" && site != "none":
			http.Error(w, "this page is for this machine only", http.StatusForbidden)
			return
		case r.Method != http.MethodGet:
			http.Error(w, "this page is for reading only", http.StatusMethodNotAllowed)
			return
		case !strings.HasPrefix(r.URL.Path, inspectorPath) || strings.Contains(r.URL.Path, ".."):
			http.NotFound(w, r)
			return
		}
		answer, err := caddycmd.AdminAPIRequest(admin, http.MethodGet, r.URL.RequestURI(), nil, nil)
		if err != nil {
			http.Error(w, "Caddy does not answer, or has nothing there", http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		for _, name := range []string{
			"Content-Type", "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control",
		} {
			w.Header().Set(name, answer.Header.Get(name))
		}
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	}
}
