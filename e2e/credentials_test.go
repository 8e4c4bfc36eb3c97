package e2e_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// While secrets are rotated any of them is good, and a reload takes the old one
// out.
func TestRotation(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	t.Setenv("WEBHOOK_SECRET", "new-secret")
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("old-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	srv := webhooktest.Start(t, endpoint(up, "github {env.WEBHOOK_SECRET}", "secret {file."+file+"}"))
	send := func(secret string) int {
		return srv.Post("/hook", validBody, webhooktest.GitHub(secret, "push", validBody)...).Status
	}
	for secret, want := range map[string]int{"new-secret": 200, "old-secret": 200, "other-secret": 401, "old-secret\n": 401} {
		if got := send(secret); got != want {
			t.Errorf("%q is answered with %d, want %d", secret, got, want)
		}
	}
	srv.Reload(endpoint(up, "github {env.WEBHOOK_SECRET}"))
	for secret, want := range map[string]int{"new-secret": 200, "old-secret": 401} {
		if got := send(secret); got != want {
			t.Errorf("after the reload %q is answered with %d, want %d", secret, got, want)
		}
	}
}

// Values of one kind are alternatives; different kinds must all be right.
func TestSeveralKinds(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	body, mac := instaleap(`"a"`, `"2023-06-02T15:42:44Z"`, `"CREATED"`, "")
	_, wrongMAC := instaleap(`"b"`, `"2023-06-02T15:42:44Z"`, `"CREATED"`, "")
	srv := webhooktest.Start(t, endpoint(up, "instaleap other-secret test-secret",
		"token test-token token-2", "token_header X-Key key-1", "token_header x-key key-2", "token_header X-Client client"))
	const token, key, client = "Authorization: Bearer token-2", "X-Key: key-2", "X-Client: client"
	for name, test := range map[string]struct {
		headers []string
		status  int
		reason  string
	}{
		"all":             {[]string{mac, token, key, client}, 200, ""},
		"alternatives":    {[]string{mac, "Authorization: Bearer test-token", "X-Key: key-1", client}, 200, ""},
		"no signature":    {[]string{token, key, client}, 401, "missing_signature"},
		"wrong signature": {[]string{wrongMAC, token, key, client}, 401, "bad_signature"},
		"no token":        {[]string{mac, key, client}, 401, "missing_token"},
		"no key":          {[]string{mac, token, client}, 401, "missing_token"},
		"no client":       {[]string{mac, token, key}, 401, "missing_token"},
		"wrong client":    {[]string{mac, token, key, "X-Client: key-2"}, 401, "bad_token"},
		"two keys":        {[]string{mac, token, key, "X-Key: key-1", client}, 401, "bad_token"},
		"key list":        {[]string{mac, token, "X-Key: key-1, key-2", client}, 401, "bad_token"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := srv.Post("/hook", body, append(test.headers, "X-Tell: yes")...)
			if test.status == 200 {
				checkStatus(t, answer, 200)
				up.Only()
				return
			}
			checkReason(t, answer, test.status, test.reason)
			up.None()
		})
	}
}

// Accounts are alternatives, whatever characters they have.
func TestBasicAccounts(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, endpoint(up, "detrack", "basic user pass:word", `basic "us er" "pässword"`))
	for _, test := range []struct {
		user, password string
		status         int
	}{
		{"user", "pass:word", 200},
		{"us er", "pässword", 200},
		{"user", "pässword", 401},
		{"us er", "pass:word", 401},
		{"user", "pass", 401},
		{"user", "", 401},
		{"", "", 401},
		{"User", "pass:word", 401},
	} {
		request := srv.NewRequest("POST", "/hook", nil)
		request.SetBasicAuth(test.user, test.password)
		if got := srv.Do(request); got.Status != test.status {
			t.Errorf("%q with %q is answered with %d, want %d", test.user, test.password, got.Status, test.status)
		}
	}
}

// Who sends is Caddy's client IP: a header says so only for trusted proxies.
func TestSources(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	const trusting = "{\n servers {\n trusted_proxies static 127.0.0.0/8\n }\n}\n"
	const otherHeader = "{\n servers {\n trusted_proxies static 127.0.0.0/8\n client_ip_headers X-Real-IP\n }\n}\n"
	only := endpoint(up, "github test-secret", "sources 192.0.2.0/24 2001:db8::1")
	for name, test := range map[string]struct {
		site    string
		headers []string
		want    int
	}{
		"not trusted":     {only, []string{"X-Forwarded-For: 192.0.2.7"}, 403},
		"trusted":         {trusting + only, []string{"X-Forwarded-For: 192.0.2.7"}, 200},
		"trusted, IPv6":   {trusting + only, []string{"X-Forwarded-For: 2001:db8::1"}, 200},
		"mapped":          {trusting + only, []string{"X-Forwarded-For: ::ffff:192.0.2.7"}, 200},
		"zone":            {trusting + only, []string{"X-Forwarded-For: 2001:db8::1%eth0"}, 200},
		"other address":   {trusting + only, []string{"X-Forwarded-For: 198.51.100.7"}, 403},
		"no header":       {trusting + only, nil, 403},
		"no address":      {trusting + only, []string{"X-Forwarded-For: nobody"}, 403},
		"wrong header":    {otherHeader + only, []string{"X-Forwarded-For: 192.0.2.7"}, 403},
		"right header":    {otherHeader + only, []string{"X-Real-IP: 192.0.2.7"}, 200},
		"Detrack's":       {trusting + endpoint(up, "detrack", "basic user password", "sources"), []string{"X-Forwarded-For: 44.236.78.196", "Authorization: Basic dXNlcjpwYXNzd29yZA=="}, 200},
		"not Detrack's":   {trusting + endpoint(up, "detrack", "basic user password", "sources"), []string{"X-Forwarded-For: 44.236.78.197", "Authorization: Basic dXNlcjpwYXNzd29yZA=="}, 403},
		"published, more": {trusting + endpoint(up, "detrack", "basic user password", "sources published 192.0.2.7"), []string{"X-Forwarded-For: 192.0.2.7", "Authorization: Basic dXNlcjpwYXNzd29yZA=="}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			srv := webhooktest.Start(t, test.site)
			checkStatus(t, push(srv, validBody, test.headers...), test.want)
			if test.want == 403 {
				up.None()
				return
			}
			up.Only()
		})
	}
}
