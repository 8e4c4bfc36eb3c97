package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// secret is what the events are signed with.
const secret = "soak-secret-0123456789"

// client sends webhooks and counts how they end.
type client struct {
	http http.Client
	url  string

	mu       sync.Mutex
	sent     int
	statuses map[int]int // 0: no answer
	acked    []string
	again    int // answers to copies
}

func newClient(url string) *client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	return &client{
		http: http.Client{Transport: transport, Timeout: time.Minute}, url: url, statuses: make(map[int]int),
	}
}

// sendOne sends the next request, without waiting for the answer.
func (c *client) sendOne(sending *sync.WaitGroup) {
	c.mu.Lock()
	n := c.sent
	c.sent++
	c.mu.Unlock()
	sending.Go(func() { c.send(n) })
}

// burst opens connections that each send one webhook, at once.
func (c *client) burst(connections int) {
	var sending sync.WaitGroup
	for range connections {
		c.sendOne(&sending)
	}
	sending.Wait()
}

func (c *client) send(n int) {
	id, body := strconv.Itoa(n), payload(n)
	copied := n%100 >= 95 && n > 100
	if copied {
		id, body = strconv.Itoa(n-100+n%5), payload(n-100+n%5)
	}
	if n%100 == 94 {
		body = "not JSON"
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	if n%100 < 4 {
		mac.Write([]byte("forged"))
	}
	request, err := http.NewRequest(http.MethodPost, c.url+"/hook", strings.NewReader(body))
	if err != nil {
		panic(err) // the URL is ours
	}
	request.Header.Set("X-GitHub-Event", "push")
	request.Header.Set("X-GitHub-Delivery", id)
	request.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	answer, err := c.http.Do(request)
	status := 0
	if err == nil {
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		status = answer.StatusCode
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statuses[status]++
	if status/100 == 2 {
		c.acked = append(c.acked, id)
		if copied {
			c.again++
		}
	}
}

// payload is a push of about 6 KB.
func payload(n int) string {
	return `{"ref": "refs/heads/main", "number": ` + strconv.Itoa(n) + `, "padding": "` + strings.Repeat("x", 6000) + `"}`
}

func (c *client) acknowledged() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.acked)
}

// String is the client's part of a line.
func (c *client) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	refused, failed := 0, 0
	for status, n := range c.statuses {
		switch status / 100 {
		case 4:
			refused += n
		case 5:
			failed += n
		}
	}
	return fmt.Sprintf("%d | %d | %d | %d | %d | %d", c.sent, len(c.acked), refused, failed, c.again, c.statuses[0])
}
