package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds how long is waited for what never comes. Nothing is asserted
// about how long anything takes.
const patience = 30 * time.Second

// Caddy and the app behind it run for all tests, which are not parallel.
var (
	app     *upstream
	address string // of Caddy
	binary  string // the Caddy that is tested
)

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (code int, err error) {
	folder, err := os.MkdirTemp("", "interop")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	app = newUpstream()
	defer app.server.Close()
	if address, err = freeAddress(); err != nil {
		return 0, err
	}
	stop, err := startCaddy(folder)
	if err != nil {
		return 0, err
	}
	code = m.Run()
	return code, stop()
}

// freeAddress returns an address of the loopback interface that was free a
// moment ago. Should something else take it, Caddy says so and ends.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// buildCaddy returns the path of the Caddy to test: the one that the variable
// INTEROP_CADDY names, or one that is built.
func buildCaddy(folder string) (string, error) {
	if binary := os.Getenv("INTEROP_CADDY"); binary != "" {
		return binary, nil
	}
	binary := filepath.Join(folder, "caddy.exe") // Windows wants the suffix, others do not mind
	build := exec.Command("go", "build", "-o", binary, "./cmd/caddy")
	build.Dir = filepath.Join("..", "..")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building Caddy: %v\n%s", err, output)
	}
	return binary, nil
}

// startCaddy starts Caddy and waits until it answers.
func startCaddy(folder string) (stop func() error, err error) {
	if binary, err = buildCaddy(folder); err != nil {
		return nil, err
	}
	config := filepath.Join(folder, "Caddyfile")
	nonce := rand256()
	if err := os.WriteFile(config, []byte(caddyfile(folder, nonce)), 0o600); err != nil {
		return nil, err
	}
	var log bytes.Buffer // to be read after Caddy has ended
	server := exec.Command(binary, "run", "--config", config)
	server.Env = append(os.Environ(), "HOME="+folder, "XDG_CONFIG_HOME="+folder, "XDG_DATA_HOME="+folder)
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	stop = func() error {
		if server.Process.Signal(os.Interrupt) != nil { // there are no signals on Windows
			_ = server.Process.Kill()
		}
		select {
		case <-ended:
			return nil
		case <-time.After(patience):
			_ = server.Process.Kill()
			<-ended
			return fmt.Errorf("no end of Caddy:\n%s", &log)
		}
	}
	if err := awaitCaddy(nonce, ended); err != nil {
		if !errors.Is(err, errEnded) {
			_ = stop()
		}
		return nil, fmt.Errorf("%w:\n%s", err, &log)
	}
	return stop, nil
}

var errEnded = errors.New("early end of Caddy")

// awaitCaddy returns when the Caddy that was started answers.
func awaitCaddy(nonce string, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if response, err := http.Get("http://" + address + "/ready"); err == nil {
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if string(body) == nonce {
				return nil
			}
		}
		select {
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return errors.New("no answer from Caddy")
		case <-again.C:
		}
	}
}

// caddyfile gives each provider a path of its own, and each form that Caddy
// sends on. What is refused is answered with the reason.
func caddyfile(folder, nonce string) string {
	var routes strings.Builder
	for _, p := range providers {
		fmt.Fprintf(&routes, `
	handle_webhook %s %s %q %q {
		%s
		otherwise {
			reverse_proxy %s
		}
	}
`, p.path(), p.preset, p.secret, p.older, p.options, app.address())
	}
	for _, v := range vendors {
		fmt.Fprintf(&routes, `
	handle_webhook /%s %s %q %q {
		otherwise {
			reverse_proxy %s
		}
	}
`, v.preset, v.preset, vendorSecret, vendorOlder, app.address())
	}
	for path, lines := range outgoing() {
		fmt.Fprintf(&routes, `
	handle_webhook %s github %q {
		otherwise {
			%s
			reverse_proxy %s
		}
	}
`, path, githubSecret, lines, app.address())
	}
	routes.WriteString(tokenRoutes())
	return fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https off
	grace_period 5s
	storage file_system %q
}

http://:%s {
	bind 127.0.0.1
	handle /ready {
		respond %s
	}
%s
	handle_errors {
		respond {http.webhook.error} {err.status_code}
	}
}
`, filepath.ToSlash(filepath.Join(folder, "storage")), address[strings.LastIndex(address, ":")+1:], nonce, &routes)
}
