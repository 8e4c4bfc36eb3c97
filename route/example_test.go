package route_test

import (
	"fmt"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// show prints what expressions make of an Instaleap event.
func show(body string, sources ...string) {
	config := &verify.Config{Secrets: []string{"test-secret"}}
	e, err := arrival{provider: "instaleap", body: body, config: config}.event()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, source := range sources {
		result, err := compute(e, source)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%v\n", result)
	}
}

const exampleJob = `{
	"id": "e1", "created_at": "2024-05-14T11:59:00Z", "type": "CREATED",
	"job": {"id": "j1", "notes": "{\"door\":\"left\"}", "until": 1715691600}
}`

// json decodes a document that stands in a string of the payload.
func Example_json() {
	show(exampleJob, `json(body.job.notes).door`)
	// Output: left
}

// unix turns seconds since 1970 into a time, which can be compared.
func Example_unix() {
	show(exampleJob, `unix(body.job.until)`, `timestamp < unix(body.job.until)`)
	// Output:
	// 2024-05-14 13:00:00 +0000 UTC
	// true
}

// b64decode takes the standard and the URL alphabet, with or without padding.
func Example_b64decode() {
	show(exampleJob, `b64decode("aGVsbG8=")`, `b64decode("aGVsbG8")`)
	// Output:
	// hello
	// hello
}

// sha256 makes a short, constant key of a long text.
func Example_sha256() {
	show(exampleJob, `sha256(body.job.id)[:16]`)
	// Output: 08243666f926aa4e
}

// escape makes one path segment of a text, whatever it contains.
func Example_escape() {
	show(exampleJob, `"/jobs/" + escape("../admin?x")`)
	// Output: /jobs/..%2Fadmin%3Fx
}

// escapeQuery makes a query of an object, whatever it contains.
func Example_escapeQuery() {
	show(exampleJob, `"/jobs?" + escapeQuery({id: "1&admin=true", tag: ["a", "b c"]})`)
	// Output: /jobs?id=1%26admin%3Dtrue&tag=a&tag=b%20c
}

// header returns the first value of a request header, or an empty string.
func Example_header() {
	show(exampleJob, `header("x-test")`, `header("X-Missing") == ""`)
	// Output:
	// v1
	// true
}

// query returns the first value of a parameter, or an empty string.
func Example_query() {
	show(exampleJob, `query("q")`)
	// Output: one
}

// signed says whether the provider's signature covers a field. Instaleap's
// covers the event, but not the job in it.
func Example_signed() {
	show(exampleJob, `signed("body.type")`, `signed("body.job.id")`)
	// Output:
	// true
	// false
}

func ExamplePatterns() {
	patterns := route.Patterns{"PICKING_*", "CANCELLED"}
	fmt.Println(patterns.Match("PICKING_STARTED"), patterns.Match("PICKED"))
	// Output: true false
}

func ExampleCompileRule() {
	_, err := route.CompileRule(`evnt == "CREATED"`)
	fmt.Println(err)
	// Output:
	// unknown name evnt (1:1)
	//  | evnt == "CREATED"
	//  | ^
}

func ExampleHeaderText() {
	fmt.Println(route.HeaderText("Größe\r\nX-Evil: 1"))
	// Output: Gr%C3%B6%C3%9Fe%0D%0AX-Evil: 1
}
