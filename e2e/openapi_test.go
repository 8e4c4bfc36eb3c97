package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.yaml.in/yaml/v3"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

const openAPIFile = "docs/openapi.yaml"

// openAPI is the description of the admin endpoints, as far as the test reads it.
type openAPI struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]any }
}

type operation struct {
	Parameters []struct{ Name, In string }
	Responses  map[string]struct {
		Content map[string]struct{ Schema any }
	}
}

func readOpenAPI(t *testing.T) *openAPI {
	t.Helper()
	api := new(openAPI)
	if err := yaml.Unmarshal([]byte(fileText(t, openAPIFile)), api); err != nil {
		t.Fatal(err)
	}
	return api
}

// adminPatterns are the patterns of all routes that this module adds.
func adminPatterns(t *testing.T) (patterns []string) {
	t.Helper()
	for _, module := range caddy.GetModules("admin.api") {
		if !strings.HasPrefix(string(module.ID), "admin.api.webhook") {
			continue
		}
		for _, route := range module.New().(caddy.AdminRouter).Routes() {
			patterns = append(patterns, route.Pattern)
		}
	}
	return patterns
}

// Every route is described, and what is described is a route.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	api := readOpenAPI(t)
	mux := http.NewServeMux()
	for _, pattern := range adminPatterns(t) {
		mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
		described := func(path string) bool {
			return path == pattern || strings.HasSuffix(pattern, "/") && strings.HasPrefix(path, pattern)
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(api.Paths)), described) {
			t.Errorf("%s lacks %s: add it under paths, with its method, the parameters of its query and the schema of its answer, "+
				"and a call of it to TestOpenAPIAnswers", openAPIFile, pattern)
		}
	}
	for path, operations := range api.Paths {
		request, err := http.NewRequest("GET", strings.NewReplacer("{", "", "}", "").Replace(path), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, pattern := mux.Handler(request)
		if exact := !strings.HasSuffix(pattern, "/"); pattern == "" || exact && pattern != path {
			t.Errorf("%s has %s, which is no route: remove it, or correct its path", openAPIFile, path)
		}
		for method, operation := range operations {
			for _, parameter := range operation.Parameters {
				if (parameter.In == "path") != strings.Contains(path, "{"+parameter.Name+"}") {
					t.Errorf("%s: %s %s: the parameter %s is said to be in %s", openAPIFile, method, path, parameter.Name, parameter.In)
				}
			}
			if _, ok := operation.Responses["default"]; !ok {
				t.Errorf("%s: %s %s does not say what an error is", openAPIFile, method, path)
			}
		}
	}
}

// adminCalls calls a running Caddy, and notes what has been called.
type adminCalls struct {
	*testing.T
	api    *openAPI
	admin  string
	called map[string]bool // "get /webhooks/queue"
}

// call makes a request of a described path, and holds the answer against its schema.
func (c *adminCalls) call(method, path, query, body string, parameters ...string) (answer any) {
	c.Helper()
	c.called[strings.ToLower(method)+" "+path] = true
	operation, ok := c.api.Paths[path][strings.ToLower(method)]
	if !ok {
		c.Fatalf("%s lacks %s %s", openAPIFile, method, path)
	}
	request, err := http.NewRequest(method, "http://"+c.admin+strings.NewReplacer(parameters...).Replace(path)+query, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		c.Fatal(err)
	}
	described, ok := operation.Responses[fmt.Sprint(response.StatusCode)]
	if !ok {
		c.Errorf("%s %s%s is answered %d, which %s does not say: %s", method, path, query, response.StatusCode, openAPIFile, content)
		return nil
	}
	mediaType, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	if described.Content == nil && len(content) == 0 {
		return nil
	}
	schema, ok := described.Content[mediaType]
	if !ok {
		c.Errorf("%s %s is answered with %s, which %s does not say", method, path, mediaType, openAPIFile)
	}
	if mediaType != "application/json" {
		return nil
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		c.Fatalf("%s %s: %v: %s", method, path, err, content)
	}
	for _, problem := range c.api.check(schema.Schema, answer, "the answer") {
		c.Errorf("%s %s: %s; correct the schema in %s", method, path, problem, openAPIFile)
	}
	return answer
}

// check holds a value against a schema, as far as the schemas of the file go.
func (api *openAPI) check(schema, value any, at string) (problems []string) {
	s, _ := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		return api.check(api.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")], value, at)
	}
	if s == nil {
		return []string{at + " has no schema"}
	}
	if !isOfType(s["type"], value) {
		return []string{fmt.Sprintf("%s is %v, not of the type %v", at, value, s["type"])}
	}
	if list, ok := s["enum"].([]any); ok && !slices.Contains(list, value) {
		problems = append(problems, fmt.Sprintf("%s is %v, not one of %v", at, value, list))
	}
	switch value := value.(type) {
	case []any:
		for i, element := range value {
			problems = append(problems, api.check(s["items"], element, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case map[string]any:
		properties, _ := s["properties"].(map[string]any)
		for name, field := range value {
			switch known, ok := properties[name]; {
			case ok:
				problems = append(problems, api.check(known, field, at+"."+name)...)
			case s["additionalProperties"] == false:
				problems = append(problems, at+"."+name+" is not described: add it under properties")
			case s["additionalProperties"] != nil:
				problems = append(problems, api.check(s["additionalProperties"], field, at+"."+name)...)
			}
		}
		required, _ := s["required"].([]any)
		for _, name := range required {
			if _, ok := value[name.(string)]; !ok {
				problems = append(problems, fmt.Sprintf("%s lacks %s, which is required", at, name))
			}
		}
	case string:
		if s["format"] == "date-time" {
			if _, err := time.Parse(time.RFC3339, value); err != nil {
				problems = append(problems, at+" is no time: "+value)
			}
		}
	}
	return problems
}

// isOfType reports whether a value is of one of the types that a schema names.
func isOfType(types, value any) bool {
	if list, ok := types.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return isOfType(one, value) })
	}
	switch value := value.(type) {
	case nil:
		return types == "null"
	case bool:
		return types == "boolean"
	case string:
		return types == "string"
	case float64:
		return types == "number" || types == "integer" && value == float64(int64(value))
	case []any:
		return types == "array"
	default:
		return types == "object"
	}
}

// Each described operation is called, and answers as described.
func TestOpenAPIAnswers(t *testing.T) {
	admin := "127.0.0.1:" + webhooktest.FreePort(t)
	folder := t.TempDir()
	srv := webhooktest.Start(t, `{
	admin `+admin+`
	webhooks {
		store `+filepath.Join(folder, "deliveries.db")+`
		archive `+filepath.Join(folder, "events")+`
		tenants shops storage
		inspect {
			bodies
		}
	}
}
`+site(`handle_webhook /t/*/shopify shopify {
		tenant {path.1} from shops
		otherwise {
			respond 204
		}
	}
	handle_webhook /hook github `+testSecret+` {
		observe
		on push when `+"`body.n == 1`"+` {
			webhook_rewrite {
				body {m: body.n}
			}
			webhook_deliver first {
				mode queue
				respond 400
			}
		}
		on issues {
			webhook_deliver second {
				respond 204
			}
		}
		otherwise {
			respond 204
		}
	}`))
	c := &adminCalls{t, readOpenAPI(t), admin, make(map[string]bool)}
	checkStatus(t, push(srv, `{"n":1}`), 202)
	checkStatus(t, srv.Post("/hook", "{}", webhooktest.GitHub("other", "ping", "{}")...), 204)

	c.call("PUT", "/webhooks/tenants/{source}/{id}", "", shop("secret-of-acme", "unused:1"), "{source}", "shops", "{id}", "acme")
	checkStatus(t, toTenant(srv, "acme", "secret-of-acme"), 204)
	c.call("GET", "/webhooks/tenants", "", "")
	c.call("GET", "/webhooks/tenants/{source}", "", "", "{source}", "shops")
	c.call("GET", "/webhooks/tenants/{source}/{id}", "", "", "{source}", "shops", "{id}", "acme")
	c.call("GET", "/webhooks/tenants-top", "", "")
	c.call("DELETE", "/webhooks/tenants/{source}/{id}", "", "", "{source}", "shops", "{id}", "acme")

	for _, path := range []string{"/webhooks/", "/webhooks/providers", "/webhooks/observe"} {
		c.call("GET", path, "", "")
	}
	kept, _ := c.call("GET", "/webhooks/deliveries", "", "").(map[string]any)
	deliveries, _ := kept["deliveries"].([]any)
	if len(deliveries) == 0 {
		t.Fatalf("no deliveries are kept: %v", kept)
	}
	number, _ := deliveries[0].(map[string]any)["number"].(float64)
	c.call("GET", "/webhooks/deliveries/{number}", "", "", "{number}", strconv.Itoa(int(number)))

	var dead []any
	eventually(t, "there is a dead letter", func() bool {
		dead, _ = c.call("GET", "/webhooks/queue/entries", "?state=dead", "").([]any)
		return len(dead) == 1
	})
	c.call("GET", "/webhooks/queue/record", "?ref="+field(dead[0], "ref"), "")
	c.call("GET", "/webhooks/queue", "", "")
	for _, name := range []string{"pause", "resume"} {
		c.call("POST", "/webhooks/queue/"+name, "?destination=first", "")
	}
	c.call("POST", "/webhooks/queue/move", "?from=first&to=second", "")
	for _, name := range []string{"retry", "requeue", "replay", "drop"} {
		c.call("POST", "/webhooks/queue/"+name, "?all=true", "")
	}

	var ref string
	eventually(t, "the event is in the archive", func() bool {
		events, _ := c.call("GET", "/webhooks/events", "?provider=github", "").(map[string]any)
		list, _ := events["events"].([]any)
		if len(list) > 0 {
			ref = field(list[0], "ref")
		}
		return len(list) > 0
	})
	c.call("GET", "/webhooks/events/latest", "", "")
	c.call("GET", "/webhooks/events/{ref}", "", "", "{ref}", ref)
	c.call("GET", "/webhooks/events/{ref}/request", "", "", "{ref}", ref)
	c.call("POST", "/webhooks/events/search", "", `{"provider":"github"}`)
	c.call("POST", "/webhooks/events/verify", "", `{"ref":"`+ref+`"}`)
	c.call("POST", "/webhooks/events/resend", "", `{"ref":"`+ref+`"}`)
	c.call("POST", "/webhooks/events/purge", "", `{"all":"true"}`)

	for path, operations := range c.api.Paths {
		for method := range operations {
			if !c.called[method+" "+path] {
				t.Errorf("%s %s is described, and this test does not call it: add a call", method, path)
			}
		}
	}
	response, err := http.Get("http://" + admin + "/webhooks/nothing")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var problem any
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil {
		t.Fatal(err)
	}
	if found := c.api.check(c.api.Components.Schemas["Error"], problem, "an error"); len(found) > 0 {
		t.Error(found)
	}
}

// field is a text in an object.
func field(object any, name string) string {
	fields, _ := object.(map[string]any)
	text, _ := fields[name].(string)
	return text
}

// The checks of the test itself find what is wrong.
func TestOpenAPICheck(t *testing.T) {
	api := readOpenAPI(t)
	for answer, want := range map[string]string{
		`{"count":1}`: "", `{"count":"1"}`: "not of the type", `{}`: "lacks count", `{"count":1,"more":2}`: "more is not described", `[]`: "not of the type",
	} {
		var value any
		if err := json.NewDecoder(bytes.NewBufferString(answer)).Decode(&value); err != nil {
			t.Fatal(err)
		}
		found := strings.Join(api.check(map[string]any{"$ref": "#/components/schemas/Count"}, value, "it"), "; ")
		if (want == "") != (found == "") || !strings.Contains(found, want) {
			t.Errorf("%s: %q, want %q", answer, found, want)
		}
	}
}
