package nats_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
	"github.com/caddy-webhooks/caddy-webhooks/nats"
)

// nodeVariable holds the options of the server that the test binary is to be.
const nodeVariable = "WEBHOOK_TEST_NATS"

// roundsVariable says how often the tests that kill do so. Default: 2.
const roundsVariable = "WEBHOOK_KILL_ROUNDS"

func killRounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv(roundsVariable)
	if text == "" {
		return 2
	}
	rounds, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return rounds
}

func TestMain(m *testing.M) {
	if text := os.Getenv(nodeVariable); text != "" {
		beNode(text)
		return
	}
	if os.Getenv(caddyVariable) != "" {
		caddycmd.Main()
		return
	}
	os.Exit(m.Run())
}

// node is a server in a process of its own.
type node struct {
	Name, Store, Client, Route string
	Routes                     []string

	process *exec.Cmd
}

// beNode runs a server until it is told to stop, or killed.
func beNode(text string) {
	var n node
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		panic(err)
	}
	listen := func(address string) (string, int) {
		host, port, _ := net.SplitHostPort(address)
		number, _ := strconv.Atoi(port)
		return host, number
	}
	o := &server.Options{
		ServerName: n.Name, JetStream: true, StoreDir: n.Store, JetStreamMaxStore: 1 << 40, SyncAlways: true, MaxPayload: 2 << 20, NoSigs: true, NoLog: true,
	}
	o.Host, o.Port = listen(n.Client)
	o.Cluster.Name = "test"
	o.Cluster.Host, o.Cluster.Port = listen(n.Route)
	for _, route := range n.Routes {
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: route})
	}
	s, err := server.NewServer(o)
	if err != nil {
		panic(err)
	}
	stopped, _ := signal.NotifyContext(context.Background(), os.Interrupt)
	go s.Start()
	<-stopped.Done()
	s.Shutdown()
}

func (n *node) start(t *testing.T) {
	t.Helper()
	text, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	n.process = exec.Command(os.Args[0])
	n.process.Env = append(os.Environ(), nodeVariable+"="+string(text))
	n.process.Stderr = os.Stderr
	if err := n.process.Start(); err != nil {
		t.Fatal(err)
	}
}

func (n *node) kill() {
	_ = n.process.Process.Signal(syscall.SIGKILL)
	_ = n.process.Wait()
}

// startCluster runs three servers until the test ends.
func startCluster(t *testing.T) []*node {
	t.Helper()
	nodes := make([]*node, 3)
	var routes []string
	for i := range nodes {
		nodes[i] = &node{Name: fmt.Sprint("n", i), Store: filepath.Join(t.TempDir(), "store"), Client: freeAddress(t), Route: freeAddress(t)}
		routes = append(routes, nodes[i].Route)
	}
	for _, n := range nodes {
		n.Routes = routes
		n.start(t)
		t.Cleanup(n.kill)
	}
	return nodes
}

// freeAddress is one whose port no connection is given by chance while the
// server that listens there is being killed and started again.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(20000+rand.IntN(10000)))
		if listener, err := net.Listen("tcp", address); err == nil {
			listener.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// openCluster opens a store as soon as the servers have found each other.
func openCluster(t *testing.T, nodes []*node) *nats.Store {
	t.Helper()
	core, logs := observer.New(zapcore.WarnLevel)
	o := nats.Options{Name: "CLUSTER", Replicas: 3, Logger: zap.New(core)}
	for _, n := range nodes {
		o.Cluster.URLs = append(o.Cluster.URLs, "nats://"+n.Client)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		s, err := nats.Open(o, deliver.Observer{})
		if err == nil {
			t.Cleanup(func() { s.Close() })
			if warnings := logs.All(); len(warnings) > 0 {
				t.Errorf("with three servers the log warns: %v", warnings)
			}
			return s
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// ledger says what was acknowledged, and what came.
type ledger struct {
	mu           sync.Mutex
	acknowledged map[string]bool
	delivered    map[string]int
	firsts       []string // ids, as they came first
	failures     int
	asked        int
}

func (l *ledger) attempt(_ context.Context, d *deliver.Delivery) deliver.Outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delivered[d.Record.ID]++
	return deliver.Outcome{Verdict: deliver.Delivered}
}

// waiting returns how many acknowledged ones have not come.
func (l *ledger) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for id := range l.acknowledged {
		if l.delivered[id] == 0 {
			n++
		}
	}
	return n
}

// append stores one after the other until ctx ends.
func (l *ledger) append(ctx context.Context, s deliver.Store, writer int) {
	for i := 0; ctx.Err() == nil; i++ {
		id := fmt.Sprintf("%d-%d", writer, i)
		err := s.Append(ctx, &deliver.Record{ID: id, Provider: "github", Body: make([]byte, 6000)}, []deliver.Target{{Destination: "app"}})
		l.mu.Lock()
		if err == nil {
			l.acknowledged[id] = true
		} else {
			l.failures++
		}
		l.mu.Unlock()
	}
}

// Whatever was acknowledged is delivered, if one server of three is killed at
// any moment, the one that leads included, again and again.
func TestKillNode(t *testing.T) {
	rounds := killRounds(t)
	nodes := startCluster(t)
	s := openCluster(t, nodes)
	l := &ledger{acknowledged: make(map[string]bool), delivered: make(map[string]int)}
	events := deliver.Events{
		Attempted: func(*deliver.Delivery, deliver.Outcome) {}, Died: func(*deliver.Delivery, deliver.Failure) {},
		Expired: func(string, deliver.State, int) {}, Trouble: func(string, error) {},
	}
	var schedule deliver.Schedule
	runner := deliver.NewRunner(s, []deliver.Destination{{Name: "app", Schedule: schedule, Attempt: l.attempt}}, 0, events)
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for writer := range 4 {
		writers.Go(func() { l.append(ctx, s, writer) })
	}
	for round := range rounds {
		victim := nodes[round%len(nodes)]
		before := l.count()
		// Any moment will do, once events are taken.
		reached(t, "events are acknowledged", func() bool { return l.count() > before+100+round*37%100 })
		victim.kill()
		before = l.count()
		reached(t, "events are acknowledged without it", func() bool { return l.count() > before+100 })
		victim.start(t)
		reached(t, "it has caught up", func() bool {
			asking, done := context.WithTimeout(t.Context(), 2*time.Second)
			defer done()
			return s.Current(asking)
		})
	}
	stop()
	writers.Wait()
	reached(t, "all that was acknowledged is delivered", func() bool { return l.waiting() == 0 })
	ended, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	runner.Stop(ended)
	l.mu.Lock()
	defer l.mu.Unlock()
	duplicates := 0
	for _, times := range l.delivered {
		duplicates += times - 1
	}
	t.Logf("%d rounds: %d acknowledged, 0 lost, %d not acknowledged, %d duplicates", rounds, len(l.acknowledged), l.failures, duplicates)
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acknowledged)
}

func reached(t *testing.T, what string, is func() bool) {
	t.Helper()
	webhooktest.Within(t, 2*time.Minute, what, is)
}

// What an instance has that was killed is another one's, or its own after a
// restart, after a while, and not before.
func TestKilledInstance(t *testing.T) {
	o := options(serve(t))
	open := func() *nats.Store {
		t.Helper()
		s, err := nats.Open(o, deliver.Observer{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, second := open(), open()
	defer second.Close()
	record := &deliver.Record{ID: "1", Provider: "github"}
	if err := first.Append(t.Context(), record, []deliver.Target{{Destination: "app"}}); err != nil {
		t.Fatal(err)
	}
	claim := func(s *nats.Store, patience time.Duration) int {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		deliveries, _ := s.Claim(ctx, "app", 1)
		return len(deliveries)
	}
	if n := claim(first, time.Minute); n != 1 {
		t.Fatalf("%d are due", n)
	}
	// An attempt that is cut short is due within 5 s of the next start.
	if wait := newOperator(t, o.Cluster.URLs[0]).ackWait(o.Name); wait >= 5*time.Second {
		t.Errorf("the servers wait for %v", wait)
	}
	// The lease is renewed for as long as the instance lives.
	if n := claim(second, 7*time.Second); n != 0 {
		t.Error("two instances have the same")
	}
	first.Crash()
	if n := claim(second, time.Minute); n != 1 {
		t.Errorf("after the instance was killed %d are due", n)
	}
}
