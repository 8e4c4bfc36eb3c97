package e2e_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/command"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// tenantCommand runs "caddy webhooks tenant" with what stands on its standard input.
func tenantCommand(admin, in string, args ...string) (string, error) {
	root := &cobra.Command{Use: "webhooks", SilenceUsage: true, SilenceErrors: true}
	command.New(os.DirFS(".")).CobraFunc(root)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader(in))
	root.SetArgs(append(append([]string{"tenant"}, args...), "--address", admin))
	err := root.Execute()
	return out.String(), err
}

// Tenants in Caddy's storage are set, listed, checked and removed by the command, and
// no answer has a secret in it.
func TestTenantCommands(t *testing.T) {
	app := webhooktest.NewUpstream(t)
	admin := "127.0.0.1:" + webhooktest.FreePort(t)
	srv := webhooktest.Start(t, strings.Replace(shops("storage", ""), "{\n", "{\n\tadmin "+admin+"\n", 1))
	run := func(want string, in string, args ...string) {
		t.Helper()
		output, err := tenantCommand(admin, in, args...)
		if err != nil || !strings.Contains(output, want) {
			t.Errorf("tenant %s: %v\n%s\nwant %q", strings.Join(args, " "), err, output, want)
		}
		if strings.Contains(output, "secret-of") {
			t.Errorf("tenant %s shows a secret:\n%s", strings.Join(args, " "), output)
		}
	}
	refused := func(want string, in string, args ...string) {
		t.Helper()
		output, err := tenantCommand(admin, in, args...)
		if err == nil || !strings.Contains(output+err.Error(), want) {
			t.Errorf("tenant %s: %v\n%s\nwant an error with %q", strings.Join(args, " "), err, output, want)
		}
		if err != nil && strings.Contains(output+err.Error(), "secret-of") {
			t.Errorf("tenant %s shows a secret", strings.Join(args, " "))
		}
	}
	checkReason(t, toTenant(srv, "acme", "secret-of-acme"), 401, "unknown_tenant")
	run("", shop("secret-of-acme", app.Addr()), "set", "shops", "acme", "-")
	checkStatus(t, toTenant(srv, "acme", "secret-of-acme"), 200) // at once, though it was unknown
	run("", shop("new-secret-of-acme", app.Addr()), "set", "shops", "acme", "-")
	checkStatus(t, toTenant(srv, "acme", "new-secret-of-acme"), 200)
	checkStatus(t, toTenant(srv, "acme", "secret-of-acme"), 401)
	run("shops   webhooks.tenants.storage  yes", "", "list")
	run("acme\n", "", "list", "shops")
	run("credentials  shopify (secrets: 1)", "", "check", "shops", "acme")
	run("1 tenants, 0 with problems", "", "check", "shops")
	run("acme", "", "top", "--order", "refused")

	refused("unknown", `{"secret":"secret-of-acme"}`, "set", "shops", "acme", "-")
	refused("write @FILE", "", "set", "shops", "acme", shop("secret-of-acme", app.Addr()))
	refused("no endpoint", `{"credentials":{"github":{"secrets":["secret-of-acme"]}}}`, "set", "shops", "acme", "-")
	refused("1 to 128", "{}", "set", "shops", "../acme", "-")
	refused("no source", "", "list", "others")
	checkStatus(t, toTenant(srv, "acme", "new-secret-of-acme"), 200)

	run("", "", "rm", "shops", "acme")
	checkReason(t, toTenant(srv, "acme", "new-secret-of-acme"), 401, "unknown_tenant")
	refused("no tenant", "", "rm", "shops", "acme")
}
