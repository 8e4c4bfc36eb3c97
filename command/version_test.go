package command_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

func TestVersion(t *testing.T) {
	known := len(verify.BuiltinNames())
	output, code, err := run("version")
	if err != nil || code != 0 {
		t.Fatalf("exit code %d, %v", code, err)
	}
	expectAll(t, output, "caddy-webhooks  devel\n", runtime.Version()+"\n", fmt.Sprintf("providers       %d: ", known), " by docs")

	var v struct {
		Version, Caddy, Go string
		Providers          int
		Evidence           map[string]int
	}
	output, _, _ = run("version", "--json")
	if err := json.Unmarshal([]byte(output), &v); err != nil || v.Version != "devel" || v.Caddy == "" || v.Providers != known {
		t.Errorf("%v: %s", err, output)
	}
	sum := 0
	for kind, n := range v.Evidence {
		if kind != "" && n == 0 {
			t.Errorf("%s is listed with nothing", kind)
		}
		sum += n
	}
	if sum != known {
		t.Errorf("the evidence is of %d providers, and %d are known", sum, known)
	}
}
