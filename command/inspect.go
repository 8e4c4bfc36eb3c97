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
	"time"

	"github.com/spf13/cobra"
)

// inspector is one run of caddy webhooks inspect.
type inspector struct {
	out    io.Writer
	admin  adminFlags
	listen string
	write  bool
}

func inspectCommand() *cobra.Command {
	i := new(inspector)
	cmd := &cobra.Command{
		Use:   "inspect [--address ADDRESS] [--listen ADDRESS] [--write]",
		Short: "Shows the webhooks that come to a running Caddy in a browser",
		Long: `Serves a page to this machine's browser that shows the webhooks that come to a
running Caddy, out of its administration endpoint, and prints the page's
address. The configuration has to say inspect.

A browser cannot open the administration endpoint itself: Caddy answers no page
that is navigated to. What this command serves is for reading only, and for this
machine only. With --write the page also has buttons that hand webhooks to the app
again: those of the archive, and those that wait or are dead letters.`,
		Args: cobra.NoArgs,
	}
	i.admin.add(cmd)
	cmd.Flags().StringVar(&i.listen, "listen", "localhost:2020", "Loopback address to serve the page at; port 0 is any that is free")
	cmd.Flags().BoolVar(&i.write, "write", false, "Also let the page hand webhooks to the app again")
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
	server := &http.Server{Handler: newRelay(admin, address, i.write), ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintf(i.out, "http://%s%s\n", address, inspectorPath)
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return exitUsage, err
	}
	return 0, nil
}
