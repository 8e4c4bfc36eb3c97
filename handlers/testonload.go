package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// TestOnLoad has the test cases of a configuration run before it is loaded.
type TestOnLoad struct {
	// The configuration's file, beside which the cases `*.hook` are: a Caddyfile, or
	// JSON if its name ends in .json. A relative path is taken from the folder that
	// Caddy runs in. The Caddyfile adapter fills it in.
	Config string `json:"config,omitempty"`
}

const (
	testTimeout  = 30 * time.Second // of all cases together
	toldFailures = 10               // how many of the expectations that do not hold an error names
)

// run runs the cases by a process of its own, "caddy webhooks test", and returns why the
// configuration must not be loaded. Another process, because a simulation sets the clock
// and the log of the one that it is in, and this one serves with the configuration before.
// It listens nowhere and has a storage of its own, so what that configuration keeps is safe.
func (t *TestOnLoad) run(ctx context.Context) error {
	if t.Config == "" {
		return errors.New("test_on_load: config is not set; write the path of the configuration's file")
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("test_on_load: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	var out, problem bytes.Buffer
	tests := exec.CommandContext(ctx, program, "webhooks", "test", "--json", "--config", t.Config) //nolint:gosec // this program, and a file that the operator names
	tests.Stdout, tests.Stderr, tests.WaitDelay = &out, &problem, time.Second
	err = tests.Run()
	switch exit, ran := errors.AsType[*exec.ExitError](err); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("test_on_load: the cases beside %s did not end within %s", t.Config, testTimeout)
	case ran && exit.ExitCode() == 1:
		return t.failed(out.Bytes())
	default:
		return fmt.Errorf("test_on_load: the cases beside %s cannot be run: %w: %s", t.Config, err, lastMessage(problem.String()))
	}
}

// failed names the expectations that do not hold.
func (t *TestOnLoad) failed(output []byte) error {
	var cases []struct {
		File   string   `json:"file"`
		Missed []string `json:"missed"`
	}
	if err := json.Unmarshal(output, &cases); err != nil {
		return fmt.Errorf("test_on_load: some cases beside %s do not hold, and the result cannot be read: %w", t.Config, err)
	}
	var lines []string
	failed := 0
	for _, c := range cases {
		if len(c.Missed) > 0 {
			failed++
		}
		for _, missed := range c.Missed {
			lines = append(lines, c.File+": "+missed)
		}
	}
	if left := len(lines) - toldFailures; left > 0 {
		lines = append(lines[:toldFailures], fmt.Sprintf("and %d more", left))
	}
	return fmt.Errorf("test_on_load: %d of %d cases do not hold, so the configuration is not loaded:\n%s",
		failed, len(cases), strings.Join(lines, "\n"))
}

// lastMessage is what a Caddy has said last, which may be an entry of its log.
func lastMessage(text string) string {
	text = strings.TrimSpace(text)
	last := text[strings.LastIndexByte(text, '\n')+1:]
	var entry struct {
		Message string `json:"msg"`
	}
	if json.Unmarshal([]byte(last), &entry) == nil {
		return entry.Message
	}
	return last
}
