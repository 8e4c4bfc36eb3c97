package examples_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// deployments are folders whose Caddyfile runs in a container or as a service,
// and where that finds its secrets.
var deployments = map[string]string{
	"docker":     "/run/secrets",
	"kubernetes": "/run/secrets/webhooks",
	"systemd":    "{$CREDENTIALS_DIRECTORY}",
}

// TestDeployments runs what a container or a service would run, with secrets in
// files. That for Kubernetes needs NATS: package nats runs it.
func TestDeployments(t *testing.T) {
	for name, folder := range deployments {
		if name == "kubernetes" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Setenv("SITE", "http://localhost:8080")
			t.Setenv("XDG_DATA_HOME", t.TempDir())
			here := strings.NewReplacer(folder, secretFiles(t), "app:3000", "localhost:3000")
			srv := webhooktest.Start(t, here.Replace(read(t, name+"/Caddyfile")), freePorts(t))
			for _, s := range []step{
				{"GitHub", stored(t, "github/requests/signed.http"), 200, "POST /github push\n"},
				{"Stripe", stripe(t, "whsec_test", "invoice.paid", 4200), 200, "POST /stripe invoice.paid\n"},
				{"tampered", stored(t, "github/requests/tampered-body.http"), 401, ""},
				{"elsewhere", webhook{method: "POST", path: "/elsewhere"}, 404, ""},
			} {
				answer := srv.Do(s.send.request(t, srv))
				if answer.Status != s.status || !strings.Contains(answer.Body, s.want) {
					t.Errorf("%s: %d %q, want %d with %q", s.name, answer.Status, answer.Body, s.status, s.want)
				}
			}
		})
	}
}

// secretFiles writes the secrets that deployments read, and returns their folder.
func secretFiles(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name, secret := range map[string]string{"github_secret": "test-secret-github", "stripe_secret": "whsec_test"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// secretFile is where a Caddyfile names the file of a secret.
var secretFile = regexp.MustCompile(`\{file\.(\S+)/([a-z_]+)\}`)

// TestComposeSecrets makes sure that the container is given the secrets that its
// Caddyfile reads.
func TestComposeSecrets(t *testing.T) {
	compose := manifest(t, "docker/compose.yaml")[0]
	given := at(t, compose, "services", "caddy", "secrets").([]any)
	for _, found := range secretFile.FindAllStringSubmatch(read(t, "docker/Caddyfile"), -1) {
		if found[1] != deployments["docker"] || !slices.Contains(given, any(found[2])) {
			t.Errorf("compose.yaml does not give the container %s/%s", found[1], found[2])
		}
		at(t, compose, "secrets", found[2], "file")
	}
}

// TestServiceCredentials makes sure that the service loads the credentials that
// its Caddyfile reads.
func TestServiceCredentials(t *testing.T) {
	unit := read(t, "systemd/caddy-webhooks.service")
	for _, found := range secretFile.FindAllStringSubmatch(read(t, "systemd/Caddyfile"), -1) {
		if found[1] != deployments["systemd"] || !strings.Contains(unit, "\nLoadCredential="+found[2]+":") {
			t.Errorf("caddy-webhooks.service does not load %s", found[2])
		}
	}
}

// TestManifests holds the manifests for Kubernetes against each other and the
// Caddyfile: secrets, ports, selectors, and the time that a pod has to end.
func TestManifests(t *testing.T) {
	caddyfile := read(t, "kubernetes/Caddyfile")
	deployment := manifest(t, "kubernetes/deployment.yaml")[0]
	pod := at(t, deployment, "spec", "template", "spec").(map[string]any)
	container := at(t, pod, "containers").([]any)[0].(map[string]any)

	mounts := make(map[any]any)
	for _, mount := range at(t, container, "volumeMounts").([]any) {
		mounts[at(t, mount, "name")] = at(t, mount, "mountPath")
	}
	for _, found := range secretFile.FindAllStringSubmatch(caddyfile, -1) {
		if found[1] != mounts["secrets"] || found[1] != deployments["kubernetes"] {
			t.Errorf("the Caddyfile reads %s, and the secrets are at %s", found[0], mounts["secrets"])
		}
	}
	for _, port := range at(t, container, "ports").([]any) {
		if number := at(t, port, "containerPort"); !strings.Contains(caddyfile, "\n:"+written(t, number)+" {") {
			t.Errorf("the Caddyfile has no site at port %v", number)
		}
	}
	labels := at(t, deployment, "spec", "template", "metadata", "labels")
	for file, path := range map[string][]string{
		"deployment": {"spec", "selector", "matchLabels"}, "poddisruptionbudget": {"spec", "selector", "matchLabels"}, "service": {"spec", "selector"},
	} {
		if selector := at(t, manifest(t, "kubernetes/"+file+".yaml")[0], path...); written(t, selector) != written(t, labels) {
			t.Errorf("%s.yaml selects %v, and pods have %v", file, selector, labels)
		}
	}
	var needed time.Duration
	for _, option := range regexp.MustCompile(`(?:shutdown_delay|grace_period) (\S+)`).FindAllStringSubmatch(caddyfile, -1) {
		duration, err := time.ParseDuration(option[1])
		if err != nil {
			t.Fatal(err)
		}
		needed += duration
	}
	if given := time.Duration(at(t, pod, "terminationGracePeriodSeconds").(int)) * time.Second; needed == 0 || given <= needed {
		t.Errorf("a pod has %v to end, and Caddy may take %v", given, needed)
	}
	for _, file := range at(t, manifest(t, "kubernetes/kustomization.yaml")[0], "resources").([]any) {
		read(t, "kubernetes/"+file.(string))
	}
	if sync := at(t, manifest(t, "kubernetes/nats.yaml")[0], "config", "jetstream", "merge", "sync_interval"); sync != "always" {
		t.Errorf("sync_interval is %v", sync)
	}
}

// TestVersions makes sure that images and the README have the version of Caddy
// with which all is tested, and that images are built from packages that exist.
func TestVersions(t *testing.T) {
	found := regexp.MustCompile(`caddyserver/caddy/v2 v(\S+)`).FindStringSubmatch(read(t, "../go.mod"))
	if found == nil {
		t.Fatal("go.mod does not require Caddy")
	}
	version := regexp.MustCompile(`(?:caddy:|xcaddy build v|Caddy )(\d+\.\d+\.\d+)`)
	for _, file := range []string{"docker/Dockerfile", "docker/compose.yaml", "kubernetes/Dockerfile", "../.ci/Dockerfile", "../README.md"} {
		named := version.FindAllStringSubmatch(read(t, file), -1)
		for _, one := range named {
			if one[1] != found[1] {
				t.Errorf("%s has Caddy %s, and go.mod %s", file, one[1], found[1])
			}
		}
		if len(named) == 0 {
			t.Errorf("%s names no version of Caddy", file)
		}
		for _, with := range regexp.MustCompile(`--with github.com/caddy-webhooks/caddy-webhooks(\S*)`).FindAllStringSubmatch(read(t, file), -1) {
			if packages, err := filepath.Glob(".." + with[1] + "/*.go"); err != nil || len(packages) == 0 {
				t.Errorf("%s builds %s, which is not there", file, with[0])
			}
		}
	}
}

// manifest reads the documents of a YAML file.
func manifest(t *testing.T, file string) []map[string]any {
	t.Helper()
	var documents []map[string]any
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(read(t, file))))
	for {
		var document map[string]any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) && len(documents) > 0 {
			return documents
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		documents = append(documents, document)
	}
}

// at returns what stands at a path of a document, which must be there.
func at(t *testing.T, document any, path ...string) any {
	t.Helper()
	for _, name := range path {
		object, _ := document.(map[string]any)
		value, ok := object[name]
		if !ok {
			t.Fatalf("there is no %s in %v", name, document)
		}
		document = value
	}
	return document
}

// written returns a value as YAML writes it, with the names of objects in order.
func written(t *testing.T, value any) string {
	t.Helper()
	text, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}
