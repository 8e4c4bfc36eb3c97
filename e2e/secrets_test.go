package e2e_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// The secrets of secretive, by the variables that hold them.
var envSecrets = map[string]string{
	"WEBHOOK_SECRET": "secret-in-env", "WEBHOOK_TOKEN": "token-in-env", "WEBHOOK_PASSWORD": "password-in-env",
	"WEBHOOK_SIGNING": "whsec_c2lnbmluZy1zZWNyZXQtaW4tZW52LTAxMjM0NTY3", "WEBHOOK_CLIENT": "client-secret-in-env", "WEBHOOK_KEY": "key-of-tokens-in-env-0123456789abcdef",
}

// secretive is a configuration with a secret in each place that can have one.
func secretive(up *webhooktest.Upstream, admin, file string) string {
	return "{\n admin " + admin + "\n debug\n metrics\n webhooks {\n inspect {\n bodies\n }\n diagnose\n }\n}\n" + site(`handle_webhook /hook github {env.WEBHOOK_SECRET} {file.`+file+`} {
		on push {
			webhook_rewrite {
				body body.a.b
			}
			webhook_sign {env.WEBHOOK_SIGNING}
			reverse_proxy `+up.Addr()+`
		}
		otherwise {
			@m webhook_expr body.a.b == 1
			respond @m 204
			reverse_proxy `+up.Addr()+`
		}
	}
	handle_webhook /panic github {env.WEBHOOK_SECRET} {
		otherwise {
			test_panic
		}
	}
	handle_webhook /basic detrack {
		basic user {env.WEBHOOK_PASSWORD}
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}
	handle_webhook /token jelp {
		token {env.WEBHOOK_TOKEN}
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}
	webhook_token /issue secretive {
		client user {env.WEBHOOK_CLIENT}
		key {env.WEBHOOK_KEY}
	}
	handle_webhook /issued instaleap {
		issued secretive
		otherwise {
			reverse_proxy `+up.Addr()+`
		}
	}`)
}

// saving has Caddy save the configuration as it does by itself, in a folder of
// the test, and returns what it has saved.
func saving(t *testing.T) (edit webhooktest.Edit, saved func() string) {
	path := caddy.ConfigAutosavePath
	t.Cleanup(func() { caddy.ConfigAutosavePath = path })
	caddy.ConfigAutosavePath = filepath.Join(t.TempDir(), "autosave.json")
	edit = func(config map[string]any) {
		config["admin"].(map[string]any)["config"] = map[string]any{"persist": true}
	}
	return edit, func() string {
		t.Helper()
		text, err := os.ReadFile(caddy.ConfigAutosavePath)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// Secrets that are given as placeholders are seen nowhere: not in the log down
// to DEBUG, not in the configuration that the admin endpoint shows and that
// Caddy saves, not in an answer.
func TestSecretsAreNotShown(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	for name, secret := range envSecrets {
		t.Setenv(name, secret)
	}
	inEnv, token, password := envSecrets["WEBHOOK_SECRET"], envSecrets["WEBHOOK_TOKEN"], envSecrets["WEBHOOK_PASSWORD"]
	const inFile = "secret-in-file"
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(inFile), 0o600); err != nil {
		t.Fatal(err)
	}
	admin := "127.0.0.1:" + webhooktest.FreePort(t)
	save, saved := saving(t)
	srv := webhooktest.Start(t, secretive(up, admin, file), save)

	var answers strings.Builder
	add := func(answer webhooktest.Response) { fmt.Fprintln(&answers, answer) }
	for _, body := range []string{`{"a":{"b":1}}`, `{}`, `not JSON`} {
		for _, event := range []string{"push", "ping"} {
			for _, secret := range []string{inEnv, inFile, "wrong"} {
				add(srv.Post("/hook", body, append(webhooktest.GitHub(secret, event, body), "X-Tell: yes")...))
			}
		}
		if answer, err := webhooktest.Send(srv.NewRequest("POST", "/panic", strings.NewReader(body), webhooktest.GitHub(inEnv, "push", body)...)); err == nil {
			t.Errorf("a panic is answered with %v", answer)
		}
		for _, path := range []string{"/basic", "/token"} {
			for _, pair := range []string{"user:" + password, "user:wrong"} {
				request := srv.NewRequest("POST", path, strings.NewReader(body))
				user, pass, _ := strings.Cut(pair, ":")
				request.SetBasicAuth(user, pass)
				add(srv.Do(request))
			}
			add(srv.Post(path, body, "Authorization: Bearer "+token))
			add(srv.Post(path, body, "Authorization: "+token))
		}
	}
	for _, secret := range []string{envSecrets["WEBHOOK_CLIENT"], "wrong"} {
		answer := srv.Post("/issue", "client_id=user&client_secret="+secret, "Content-Type: application/x-www-form-urlencoded")
		add(answer)
		add(srv.Post("/issued", `{"id":"1","type":"CREATED"}`, "Authorization: Bearer "+answer.Body, "X-Tell: yes"))
	}
	inspected := get(t, "http://"+admin+"/webhooks/deliveries")
	for number := range strings.Count(inspected, `"number"`) {
		inspected += get(t, "http://"+admin+"/webhooks/deliveries/"+fmt.Sprint(firstNumber(t, admin)+number))
	}
	metrics := get(t, "http://"+admin+"/metrics")
	config := get(t, "http://"+admin+"/config/")
	for name := range envSecrets {
		if placeholder := "{env." + name + "}"; !strings.Contains(config, placeholder) || !strings.Contains(saved(), placeholder) {
			t.Errorf("%s is not in this configuration: %s\nor not in the saved one: %s", placeholder, config, saved())
		}
	}
	srv.Stop()
	for _, secret := range append(slices.Collect(maps.Values(envSecrets)), inFile) {
		for name, text := range map[string]string{
			"log": srv.Log.String(), "configuration": config, "saved configuration": saved(),
			"answers": answers.String(), "inspector": inspected, "metrics": metrics,
		} {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s is in the %s: …%s…", secret, name, text[max(0, at-200):at])
			}
		}
	}
}

// A secret that stands in the Caddyfile, also one that {$NAME} puts there, is a
// part of the configuration: Caddy shows and saves it. Its log has it nowhere.
func TestSecretsInTheCaddyfileAreSaved(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	t.Setenv("WEBHOOK_SECRET", "secret-put-there")
	admin := "127.0.0.1:" + webhooktest.FreePort(t)
	save, saved := saving(t)
	srv := webhooktest.Start(t, "{\n admin "+admin+"\n}\n"+endpoint(up, "github secret-written-there {$WEBHOOK_SECRET}"), save)
	config := get(t, "http://"+admin+"/config/")
	checkStatus(t, srv.Post("/hook", validBody, webhooktest.GitHub("secret-put-there", "push", validBody)...), 200)
	for _, secret := range []string{"secret-written-there", "secret-put-there"} {
		if !strings.Contains(config, secret) || !strings.Contains(saved(), secret) {
			t.Errorf("%s is not in the configuration: then the documentation says too little", secret)
		}
	}
}

// firstNumber is that of the first delivery that the inspector has kept.
func firstNumber(t *testing.T, admin string) int {
	t.Helper()
	var list shownList
	ask(t, admin, "/webhooks/deliveries", &list)
	first := list.Deliveries[0].Number
	for _, d := range list.Deliveries {
		first = min(first, d.Number)
	}
	return first
}

// panics is a handler that fails as no handler should.
type panics struct{}

func (panics) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.test_panic", New: func() caddy.Module { return new(panics) }}
}

func (panics) ServeHTTP(http.ResponseWriter, *http.Request, caddyhttp.Handler) error {
	panic("a handler")
}

func init() {
	caddy.RegisterModule(panics{})
	httpcaddyfile.RegisterHandlerDirective("test_panic", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return panics{}, nil
	})
	httpcaddyfile.RegisterDirectiveOrder("test_panic", httpcaddyfile.Before, "respond")
}

// A secret in a file is changed without a restart: the file of the new one is
// added before the provider changes, and that of the old one emptied of it
// afterwards; each time the same configuration is loaded once more.
func TestSecretFilesAreReadAnew(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	folder := t.TempDir()
	write := func(name, secret string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := endpoint(up, "github {file."+filepath.Join(folder, "current")+"} {file."+filepath.Join(folder, "previous")+"}")
	send := func(srv *webhooktest.Server, secret string) int {
		t.Helper()
		return srv.Post("/hook", validBody, webhooktest.GitHub(secret, "push", validBody)...).Status
	}
	check := func(srv *webhooktest.Server, first, second int) {
		t.Helper()
		if got := [2]int{send(srv, "the-first-secret"), send(srv, "the-second-secret")}; got != [2]int{first, second} {
			t.Errorf("the first and the second secret are answered with %v, want %d and %d", got, first, second)
		}
	}
	write("current", "the-first-secret")
	write("previous", "the-first-secret")
	srv := webhooktest.Start(t, config)
	check(srv, 200, 401)
	write("current", "the-second-secret")
	check(srv, 200, 401) // files are read while a configuration is loaded
	srv.Reload(config)
	check(srv, 200, 200)
	write("previous", "the-second-secret")
	srv.Reload(config)
	check(srv, 401, 200)
}
