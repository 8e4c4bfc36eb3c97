package nats_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/deliver/storetest"
	"github.com/caddy-webhooks/caddy-webhooks/nats"
)

// serve runs a server in this process until the test ends.
func serve(t testing.TB, change ...func(*server.Options)) *server.Server {
	t.Helper()
	options := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, MaxPayload: 2 << 20,
		JetStreamMaxStore: 1 << 40, // what streams may have is reserved, however much disk there is
	}
	for _, c := range change {
		c(options)
	}
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

// places counts the stores of this process, each of which has streams of its own.
var places atomic.Int64

func options(s *server.Server) nats.Options {
	return nats.Options{
		Cluster: nats.Cluster{URLs: []string{s.ClientURL()}}, Name: fmt.Sprint("TEST", places.Add(1)), Replicas: 1,
	}
}

func TestConformance(t *testing.T) {
	s := serve(t)
	storetest.Run(t, func(*testing.T) storetest.Opener {
		o := options(s)
		return func() (deliver.Store, error) { return nats.Open(o, deliver.Observer{}) }
	})
}
