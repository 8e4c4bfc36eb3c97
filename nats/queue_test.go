package nats_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/command"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// queueCommand runs "caddy webhooks queue", and returns what it says.
func queueCommand(admin string) string {
	var output bytes.Buffer
	root := &cobra.Command{SilenceUsage: true}
	command.New(os.DirFS(".")).CobraFunc(root)
	root.SetOut(&output)
	root.SetErr(&output)
	root.SetArgs([]string{"queue", "--address", admin})
	if err := root.Execute(); err != nil {
		fmt.Fprintln(&output, "error:", err)
	}
	return output.String()
}

// While the servers are away, who asks for what is kept is told to try again,
// and need not restart anything.
func TestQueueWhileClusterIsAway(t *testing.T) {
	folder, port := t.TempDir(), server.RANDOM_PORT
	same := func(o *server.Options) { o.StoreDir, o.Port = folder, port }
	s := serve(t, same)
	port = s.Addr().(*net.TCPAddr).Port
	admin := "127.0.0.1:" + webhooktest.FreePort(t)
	srv := webhooktest.Start(t, strings.Replace(site(s.ClientURL(), "127.0.0.1:1"), "{\n", "{\n\tadmin "+admin+"\n", 1))
	if status := srv.Post("/hook", "{}", webhooktest.GitHub("test-secret", "push", "{}")...).Status; status != 202 {
		t.Fatalf("status %d", status)
	}
	s.Shutdown()
	s.WaitForShutdown()
	if got := queueCommand(admin); !strings.Contains(got, "HTTP 503") || !strings.Contains(got, "try again in some seconds") {
		t.Errorf("while the servers are away the command says %s", got)
	}
	serve(t, same)
	reached(t, "the command lists what waits", func() bool { return strings.Contains(queueCommand(admin), "orders/app") })
	srv.Stop() // while there are servers, which it says farewell to
}
