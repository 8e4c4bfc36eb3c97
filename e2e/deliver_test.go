package e2e_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// delivering is a site with a store of its own, whose path /hook takes webhooks
// of GitHub and has directives deliver them.
func delivering(t *testing.T, directives string) string {
	t.Helper()
	return deliveringFrom(filepath.Join(t.TempDir(), "deliveries.db"), directives)
}

func deliveringFrom(store, directives string) string {
	return storing(store, "") + routes("otherwise {\n"+directives+"\n }")
}

// storing is the global option of a store, and of what else there is about webhooks.
func storing(store, options string) string {
	return "{\n webhooks {\n store " + store + "\n" + options + "\n }\n}\n"
}

// eventually waits until something is true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	webhooktest.Within(t, 20*time.Second, what, is)
}

// reaches waits until a number of requests have reached an upstream, and
// returns them.
func reaches(t *testing.T, up *webhooktest.Upstream, number int) []webhooktest.Received {
	t.Helper()
	eventually(t, fmt.Sprintf("%d requests reach the upstream", number), func() bool { return len(up.Requests()) >= number })
	if requests := up.Requests(); len(requests) != number {
		t.Fatalf("%d requests have reached the upstream; want %d", len(requests), number)
	}
	return up.Requests()
}

// answers has an upstream give a status to each request in turn, and the last
// one to all that follow.
func answers(up *webhooktest.Upstream, statuses ...int) {
	var next atomic.Int64
	up.Answer(func(w http.ResponseWriter, _ *http.Request) {
		status := statuses[min(int(next.Add(1)), len(statuses))-1]
		w.Header().Set("X-App", "yes")
		w.WriteHeader(status)
		fmt.Fprintf(w, "app: %d", status)
	})
}

// byEach runs a test with the proxy that makes each exchange on a goroutine of its
// own, and with the one that has first attempts on the sender's request.
func byEach(t *testing.T, test func(t *testing.T, proxy string)) {
	t.Helper()
	for _, proxy := range []string{"reverse_proxy", "webhook_proxy"} {
		t.Run(proxy, func(t *testing.T) { test(t, proxy) })
	}
}

// In the mode spool the sender gets the answer of the app that takes or refuses
// an event, and nothing is stored.
func TestDeliverAnswersAsTheApp(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up := webhooktest.NewUpstream(t)
		srv := webhooktest.Start(t, delivering(t, "webhook_deliver {\n retry 1ms\n "+proxy+" "+up.Addr()+"\n }"))
		for _, status := range []int{200, 201, 400, 403, 422} {
			answers(up, status)
			answer := push(srv, validBody)
			checkAnswer(t, answer, status, fmt.Sprintf("app: %d", status))
			if answer.Header.Get("X-App") != "yes" {
				t.Errorf("%d: the app's headers are missing", status)
			}
			up.Only()
		}
		for _, status := range []int{401, 404, 410} { // for which providers disable an endpoint
			answers(up, status)
			answer := push(srv, validBody)
			checkAnswer(t, answer, 502, "")
			if answer.Header.Get("X-App") != "" {
				t.Errorf("%d: the app's headers are there", status)
			}
			up.Only()
		}
		time.Sleep(20 * time.Millisecond) // what is not there cannot be waited for
		up.None()
	})
}

// What the operator answers at a destination is meant.
func TestDeliverAnswersAsTheOperator(t *testing.T) {
	srv := webhooktest.Start(t, delivering(t, "webhook_deliver {\n respond gone 410\n }"))
	checkAnswer(t, push(srv, validBody), 410, "gone")
}

// An app that does not answer is not asked about more and more events: what
// comes is stored at once.
func TestDeliverHangs(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up := webhooktest.NewUpstream(t)
		hang := make(chan struct{})
		up.Answer(func(w http.ResponseWriter, _ *http.Request) { <-hang })
		srv := webhooktest.Start(t, delivering(t, "webhook_deliver {\n wait 1ms\n retry 1h\n "+proxy+" "+up.Addr()+"\n }"))
		for range 150 {
			checkStatus(t, push(srv, validBody), 202)
		}
		asked := len(up.Requests())
		close(hang)
		if asked > 100+16 { // the first attempts, and those of what was stored at once
			t.Errorf("the app was asked about %d events at a time", asked)
		}
	})
}

// An app that fails gets the event later, with the same bytes, id, method and
// URI, and its credentials are nowhere.
func TestDeliverLater(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	answers(up, 503, 500, 429, 408, 409, 425, 302, 200)
	srv := webhooktest.Start(t, delivering(t, `vars order 17
		rewrite * /inner?{query}
		webhook_deliver {
			retry 1ms 1ms 1ms 1ms 1ms 1ms 1ms
			reverse_proxy `+up.Addr()+` {
				header_up X-Var {vars.order}
				header_up X-Orig {http.request.orig_uri}
				header_up X-Event "{http.webhook.event} {http.webhook.id} {http.webhook.body.ref}"
				header_up X-Client {client_ip}
			}
		}`))
	body := `{"ref": "main", "n": 1.10}`
	answer := srv.Post("/hook?a=b", body, "X-GitHub-Event: push", "X-GitHub-Delivery: d-1", "X-Kept: yes",
		"X-Hub-Signature-256: sha256="+webhooktest.HMAC(testSecret, body), "Authorization: Bearer x", "Cookie: c=d")
	checkAnswer(t, answer, 202, "")
	for i, r := range reaches(t, up, 8) {
		if r.Method != "POST" || r.URI != "/inner?a=b" || string(r.Body) != body {
			t.Errorf("attempt %d: %s %s %q", i+1, r.Method, r.URI, r.Body)
		}
		for name, want := range map[string]string{
			"Webhook-Attempt": fmt.Sprint(i + 1), "Webhook-Delivery-Id": "d-1", "Webhook-Event": "push",
			"Webhook-Provider": "github", "X-Var": "17", "X-Orig": "/hook?a=b", "X-Event": "push d-1 main",
			"X-Client": "127.0.0.1", "X-Forwarded-For": "127.0.0.1", "X-Kept": "yes",
			"Authorization": "", "Cookie": "", "X-Hub-Signature-256": "",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("attempt %d: %s is %q; want %q", i+1, name, got, want)
			}
		}
	}
}

// Attempts differ in nothing but their number, wherever they are made.
func TestDeliverTheSameEachTime(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up := webhooktest.NewUpstream(t)
		answers(up, 500, 200)
		srv := webhooktest.Start(t, storing(filepath.Join(t.TempDir(), "deliveries.db"), "provider own token {\n event header.X-GitHub-Event\n token query.key\n }")+
			site("handle_webhook /hook own "+testToken+" {\n otherwise {\n webhook_deliver {\n retry 1ms\n "+
				proxy+" "+up.Addr()+" {\n header_up X-From caddy\n header_up -X-Gone\n }\n }\n }\n }"))
		checkStatus(t, srv.Post("/hook?a=b&key="+testToken, validBody, "Cookie: c=d", "Authorization: Bearer x", "X-Kept: yes",
			"X-Kept: twice", "X-Gone: yes", "Webhook-Attempt: 7", "X-Forwarded-For: 10.0.0.1"), 202)
		requests := reaches(t, up, 2)
		for i, r := range requests {
			if number := r.Header.Get("Webhook-Attempt"); number != fmt.Sprint(i+1) {
				t.Errorf("attempt %d has the number %s", i+1, number)
			}
			r.Header.Del("Webhook-Attempt")
			for _, name := range []string{"Cookie", "Authorization", "X-Gone"} {
				if r.Header.Get(name) != "" {
					t.Errorf("attempt %d has %s", i+1, name)
				}
			}
		}
		first, second := requests[0], requests[1]
		if first.URI != "/hook?a=b" || first.URI != second.URI || first.Method != second.Method || string(first.Body) != string(second.Body) {
			t.Errorf("%s %s %q, and then %s %s %q", first.Method, first.URI, first.Body, second.Method, second.URI, second.Body)
		}
		if !reflect.DeepEqual(first.Header, second.Header) {
			t.Errorf("the headers were %v, and then %v", first.Header, second.Header)
		}
	})
}

// The mode queue stores first; ack says with what that is acknowledged.
func TestDeliverQueue(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, delivering(t, "webhook_deliver {\n mode queue\n ack 200\n reverse_proxy "+up.Addr()+"\n }"))
	checkAnswer(t, push(srv, validBody), 200, "")
	if r := reaches(t, up, 1)[0]; r.Header.Get("Webhook-Attempt") != "1" || string(r.Body) != validBody {
		t.Errorf("attempt %s with %q", r.Header.Get("Webhook-Attempt"), r.Body)
	}
}

// An event without an id gets one, which is the same for each attempt.
func TestDeliverMakesAnID(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up := webhooktest.NewUpstream(t)
		answers(up, 500, 200)
		srv := webhooktest.Start(t, delivering(t, "webhook_deliver {\n retry 1ms\n "+proxy+" "+up.Addr()+"\n }"))
		checkStatus(t, srv.Post("/hook", validBody, "X-GitHub-Event: push",
			"X-Hub-Signature-256: sha256="+webhooktest.HMAC(testSecret, validBody)), 202)
		requests := reaches(t, up, 2)
		first, second := requests[0].Header.Get("Webhook-Delivery-Id"), requests[1].Header.Get("Webhook-Delivery-Id")
		if first == "" || first != second {
			t.Errorf("the ids are %q and %q", first, second)
		}
	})
}

// An app that is late is not asked again if it takes the event after all.
func TestDeliverLateSuccess(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up := webhooktest.NewUpstream(t)
		release := make(chan struct{})
		up.Answer(func(http.ResponseWriter, *http.Request) { <-release })
		srv := webhooktest.Start(t, delivering(t, "webhook_deliver {\n wait 1ms\n retry 1ms\n "+proxy+" "+up.Addr()+"\n }"))
		checkStatus(t, push(srv, validBody), 202)
		close(release)
		eventually(t, "the late answer is seen", func() bool {
			return strings.Contains(srv.Log.String(), "an app that was late has taken the webhook")
		})
		up.Only()
	})
}

// An app that is late and fails is asked again.
func TestDeliverLateFailure(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up := webhooktest.NewUpstream(t)
		release := make(chan struct{})
		var asked atomic.Int64
		up.Answer(func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) == 1 {
				<-release
				w.WriteHeader(500)
			}
		})
		srv := webhooktest.Start(t, delivering(t, "webhook_deliver {\n wait 1ms\n retry 1ms\n "+proxy+" "+up.Addr()+"\n }"))
		checkStatus(t, push(srv, validBody), 202)
		close(release)
		if r := reaches(t, up, 2)[1]; r.Header.Get("Webhook-Attempt") != "2" {
			t.Errorf("it is attempt %s", r.Header.Get("Webhook-Attempt"))
		}
	})
}

// Each destination is retried on its own, and signs each attempt anew.
func TestDeliverToSeveral(t *testing.T) {
	billing, audit := webhooktest.NewUpstream(t), webhooktest.NewUpstream(t)
	answers(billing, 200)
	answers(audit, 500, 500, 200)
	srv := webhooktest.Start(t, delivering(t, `webhook_deliver orders {
			retry 1ms 1ms
			to billing `+billing.Addr()+`
			to audit {
				webhook_sign whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=
				reverse_proxy `+audit.Addr()+`
			}
		}`))
	checkAnswer(t, push(srv, validBody), 200, "app: 200")
	for i, r := range reaches(t, audit, 3) {
		if r.Header.Get("Webhook-Signature") == "" || r.Header.Get("Webhook-Attempt") != fmt.Sprint(i+1) {
			t.Errorf("attempt %d has the headers %v", i+1, r.Header)
		}
	}
	if r := billing.Only(); r.Header.Get("Webhook-Signature") != "" {
		t.Error("the signature of one destination is at another")
	}
}

// What one destination refuses is a dead letter, whichever it is: the sender must not
// send again what another one has taken. What all refuse, the sender is told.
func TestDeliverRefusedByOne(t *testing.T) {
	first, second := webhooktest.NewUpstream(t), webhooktest.NewUpstream(t)
	answers(first, 200, 422, 422)
	answers(second, 422, 200, 422)
	srv := webhooktest.Start(t, delivering(t, "webhook_deliver {\n to first "+first.Addr()+"\n to second "+second.Addr()+"\n }"))
	checkAnswer(t, push(srv, validBody), 200, "app: 200")
	checkAnswer(t, push(srv, validBody), 202, "")
	checkAnswer(t, push(srv, validBody), 422, "app: 422")
	for destination, want := range map[string]int{"default/first": 1, "default/second": 2} {
		dead := `"msg":"webhook is a dead letter: it is not delivered any more, and kept","destination":"` + destination + `"`
		if n := strings.Count(srv.Log.String(), dead); n != want {
			t.Errorf("the log has %d dead letters of %s; want %d:\n%s", n, destination, want, srv.Log)
		}
	}
}

// A panic in a destination's handlers is a failed attempt, nothing else. So is a
// chain in which no directive answers.
func TestDeliverChainFails(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up := webhooktest.NewUpstream(t)
		answers(up, 200)
		up.Answer(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Webhook-Attempt") == "1" {
				panic(http.ErrAbortHandler) // breaks off the connection
			}
		})
		srv := webhooktest.Start(t, delivering(t, `webhook_deliver {
			retry 1ms
			@nobody header X-Nobody *
			respond @nobody 200
			`+proxy+` `+up.Addr()+`
		}`))
		checkStatus(t, push(srv, validBody), 202)
		reaches(t, up, 2)
	})
}

// A second configuration takes the store over and delivers what the first has
// stored, by its own destination of the same name.
func TestDeliverOverReload(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up, other := webhooktest.NewUpstream(t), webhooktest.NewUpstream(t)
		answers(up, 500)
		answers(other, 200)
		store := filepath.Join(t.TempDir(), "deliveries.db")
		srv := webhooktest.Start(t, deliveringFrom(store, "webhook_deliver orders {\n retry 50ms 1h\n "+proxy+" "+up.Addr()+"\n }"))
		checkStatus(t, push(srv, validBody), 202)
		srv.Reload(deliveringFrom(store, "webhook_deliver orders {\n retry 1ms\n "+proxy+" "+other.Addr()+"\n }"))
		eventually(t, "one of them gets it again", func() bool { return len(up.Requests())+len(other.Requests()) >= 2 })
		srv.Reload(deliveringFrom(store, "webhook_deliver others {\n retry 1ms\n "+proxy+" "+other.Addr()+"\n }"))
		checkStatus(t, push(srv, validBody), 200)
	})
}

// What is stored for a destination that is gone stays, and is delivered when it
// is there again; also after a stop.
func TestDeliverOverStop(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up, other := webhooktest.NewUpstream(t), webhooktest.NewUpstream(t)
		answers(up, 500)
		store := filepath.Join(t.TempDir(), "deliveries.db")
		srv := webhooktest.Start(t, deliveringFrom(store, "webhook_deliver orders {\n retry 300ms\n "+proxy+" "+up.Addr()+"\n }"))
		checkStatus(t, push(srv, validBody), 202)
		srv.Stop()

		gone := webhooktest.Start(t, deliveringFrom(store, "webhook_deliver others {\n "+proxy+" "+other.Addr()+"\n }"))
		if log := gone.Log.String(); !strings.Contains(log, `"destination":"orders","waiting":1`) {
			t.Errorf("nobody is told of what waits for a destination that is gone:\n%s", log)
		}
		gone.Reload(deliveringFrom(store, "webhook_deliver orders {\n "+proxy+" "+other.Addr()+"\n }"))
		if r := reaches(t, other, 1)[0]; string(r.Body) != validBody || r.Header.Get("Webhook-Attempt") != "2" {
			t.Errorf("attempt %s with %q", r.Header.Get("Webhook-Attempt"), r.Body)
		}
	})
}

// When there is no room, nothing is acknowledged: the sender is asked to try
// again. What the app takes needs no room.
func TestDeliverStoreFull(t *testing.T) {
	byEach(t, func(t *testing.T, proxy string) {
		up := webhooktest.NewUpstream(t)
		answers(up, 500, 200)
		store := filepath.Join(t.TempDir(), "deliveries.db")
		srv := webhooktest.Start(t, storing(store+" {\n max_size 100B\n }", "")+
			routes("otherwise {\n webhook_deliver {\n retry 1ms\n "+proxy+" "+up.Addr()+"\n }\n }"))
		answer := push(srv, validBody)
		checkStatus(t, answer, 503)
		if answer.Header.Get("Retry-After") == "" {
			t.Error("the answer has no Retry-After")
		}
		checkStatus(t, push(srv, validBody), 200)
		reaches(t, up, 2)
	})
}

// Two stores of the same file in one process are one; webhook_deliver twice
// with one name is an error, if it is not the same one in two servers.
func TestDeliverNames(t *testing.T) {
	store := filepath.Join(t.TempDir(), "deliveries.db")
	option := storing(store, "")
	block := func(port, directives string) string {
		return "http://127.0.0.1:" + port + " {\n handle_webhook /hook github x {\n otherwise {\n" + directives + "\n }\n }\n}\n"
	}
	same := "webhook_deliver {\n reverse_proxy app:8080\n }"
	if err := webhooktest.Validate(t, option+block("18001", same)+block("18002", same)); err != nil {
		t.Errorf("the same in two servers: %v", err)
	}
	err := webhooktest.Validate(t, option+block("18001", same)+block("18002", "webhook_deliver {\n reverse_proxy other:8080\n }"))
	if err == nil || !strings.Contains(err.Error(), "there are several webhook_deliver with the name default") {
		t.Errorf("two of one name: %v", err)
	}
	err = webhooktest.Validate(t, storing(store+" {\n max_age 1d\n }", "")+block("18001", same))
	if err == nil || !strings.Contains(err.Error(), "max_age") {
		t.Errorf("a schedule longer than max_age: %v", err)
	}
}
