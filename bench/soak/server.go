package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// server is a Caddy in a process of its own.
type server struct {
	binary, folder, config string
	address, admin         string
	process                *exec.Cmd
}

func startServer(binary, app string) (*server, error) {
	folder, err := os.MkdirTemp("", "soak")
	if err != nil {
		return nil, err
	}
	s := &server{binary: binary, folder: folder, config: filepath.Join(folder, "Caddyfile")}
	for _, address := range []*string{&s.address, &s.admin} {
		if *address, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	config := fmt.Sprintf(`{
	admin %s
	auto_https off
	persist_config off
	log {
		level ERROR
	}
}
http://%s {
	handle_webhook /hook github %s {
		replay 10m
		on push when `+"`body.ref == \"refs/heads/main\"`"+` {
			webhook_proxy %s
		}
		otherwise {
			respond 404
		}
	}
}
`, s.admin, s.address, secret, app)
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		return nil, err
	}
	s.process = exec.Command(binary, "run", "--config", s.config) //nolint:gosec // the user's own Caddy
	s.process.Stderr = os.Stderr
	s.process.Env = append(os.Environ(), "XDG_DATA_HOME="+folder, "XDG_CONFIG_HOME="+folder)
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	for range 600 {
		conn, err := net.Dial("tcp", s.address)
		if err == nil {
			return s, conn.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, fmt.Errorf("%s does not start", binary)
}

// freeAddress is one that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func (s *server) reload() error {
	out, err := exec.Command(s.binary, "reload", "--force", "--config", s.config, "--address", s.admin).CombinedOutput() //nolint:gosec // the user's own Caddy
	if err != nil {
		return fmt.Errorf("reload: %w: %s", err, out)
	}
	return nil
}

func (s *server) stop() {
	_ = s.process.Process.Signal(os.Interrupt)
	_ = s.process.Wait()
	_ = os.RemoveAll(s.folder)
}

// held is the server's part of a line.
func (s *server) held() (string, error) {
	answer, err := http.Get("http://" + s.admin + "/metrics")
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	values := make(map[string]float64)
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok && !strings.HasPrefix(name, "#") {
			values[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return fmt.Sprintf("%.0f | %.0f | %.0f | %.0f | %.0f",
		values["process_resident_memory_bytes"]/(1<<20), values["go_memstats_heap_alloc_bytes"]/(1<<20),
		values["go_goroutines"], values["process_open_fds"], values["go_gc_duration_seconds_count"]), nil
}
