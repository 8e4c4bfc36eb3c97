package e2e_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// What strangers announce takes no memory from others, and what they send only
// so much that there is room for webhooks that are smaller than theirs.
func TestFloodLeavesRoomForSmallWebhooks(t *testing.T) {
	for name, flood := range map[string]struct {
		budget      string
		connections int
		announced   []int // in turn; -1: it is sent in chunks
		sent        int   // at most
	}{
		"announced, hardly sent":    {"64MiB", 60, []int{26_000_000, 26_000_000, 4_000_000, 1_000_000, 200_000, 90_000}, 68_000},
		"announced, in a container": {"115MiB", 60, []int{26_000_000, 26_000_000, 4_000_000, 1_000_000, 200_000, 90_000}, 300_000},
		"large, most of it sent":    {"16MiB", 40, []int{1_000_000}, 999_999},
		"without a length":          {"16MiB", 40, []int{-1}, 800_000},
		"of middle size":            {"4MiB", 120, []int{60_000}, 59_999},
		"just not small":            {"2MiB", 200, []int{12_000}, 11_999},
		"of all sizes":              {"16MiB", 150, []int{26_000_000, 1_000_000, 100_000, 60_000, 9_000}, 1_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			up := webhooktest.NewUpstream(t)
			srv := webhooktest.Start(t, fmt.Sprintf("{\n\twebhooks {\n\t\tmax_buffered %s\n\t}\n}\n", flood.budget)+
				site(fmt.Sprintf("handle_webhook /hook github %s {\n\t\tmax_size 26MiB\n\t\totherwise {\n\t\t\twebhook_proxy %s\n\t\t}\n\t}", testSecret, up.Addr())))
			genuine := `{"a":"` + strings.Repeat("x", 6_000) + `"}`
			var senders sync.WaitGroup
			for i := range flood.connections {
				conn, announced := srv.Dial(), flood.announced[i%len(flood.announced)]
				senders.Go(func() { sendUnfinished(conn, announced, flood.sent) })
				checkStatus(t, push(srv, genuine), 200)
			}
			senders.Wait()
			for range 10 {
				checkStatus(t, push(srv, genuine), 200)
			}
		})
	}
}

// sendUnfinished sends a body and not its end. Caddy may close the connection
// meanwhile.
func sendUnfinished(conn net.Conn, announced, sent int) {
	if announced > 0 {
		sent = min(sent, announced-1)
	}
	length := fmt.Sprintf("Content-Length: %d", announced)
	body := strings.Repeat("x", sent)
	if announced < 0 {
		length = "Transfer-Encoding: chunked"
		body = fmt.Sprintf("%x\r\n%s\r\n", sent, body)
	}
	head := rawHead("X-GitHub-Event: push", "X-Hub-Signature-256: sha256="+strings.Repeat("0", 64), length)
	_, _ = io.WriteString(conn, head+body)
}
