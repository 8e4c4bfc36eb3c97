// Command soak has a Caddy with this module take webhooks for a long time, with
// an app that fails now and then, and shows what it holds: a line for each
// minute, and at last what was lost.
//
//	go build -o caddy ./cmd/caddy && go run ./bench/soak -caddy ./caddy -for 1h
//
// Of a hundred requests 90 are new, 4 are badly signed, 5 are copies of earlier
// ones and one is not JSON. The app answers 1 % with 503 and aborts 0.1 %.
// Deliveries are remembered, and the configuration is loaded anew each minute.
package main

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"time"
)

func main() {
	caddy := flag.String("caddy", "", "Caddy with this module")
	long := flag.Duration("for", time.Hour, "how long")
	rate := flag.Int("rate", 200, "requests a second")
	burst := flag.Int("burst", 0, "connections that send at once, at the end")
	flag.Parse()
	if err := run(*caddy, *long, *rate, *burst); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(binary string, long time.Duration, rate, burst int) error {
	app := newApp()
	defer app.server.Close()
	s, err := startServer(binary, app.server.Listener.Addr().String())
	if err != nil {
		return err
	}
	defer s.stop()
	c := newClient("http://" + s.address)
	fmt.Println("| minute | sent | accepted | refused | 5xx of the app | duplicates | reset | lost | RSS MiB | heap MiB | goroutines | files | GCs |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	report := func(at time.Duration) error {
		held, err := s.held()
		if err != nil {
			return err
		}
		fmt.Printf("| %.0f | %s | %d | %s |\n", at.Minutes(), c, app.lost(c.acknowledged()), held)
		return nil
	}
	if err := report(0); err != nil {
		return err
	}
	began, sending := time.Now(), new(sync.WaitGroup)
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for time.Since(began) < long {
		select {
		case <-tick.C:
			c.sendOne(sending)
		case <-minute.C:
			if err := report(time.Since(began)); err != nil {
				return err
			}
			if err := s.reload(); err != nil {
				return err
			}
		}
	}
	sending.Wait()
	if burst > 0 {
		c.burst(burst)
	}
	return report(time.Since(began))
}
