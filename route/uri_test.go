package route_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// hostileTexts are values that mean something in a URI.
var hostileTexts = []string{
	"1&admin=true", "a+b", "a b", "a;b=1", "a=b", "a#b", "a?b", "100%", "%26x=1", "a\r\nX: y", "é漢😀", "\x00", "a/b", "//", "..%2f", "a\\b", "~-_.", "", "'\"<>{}|^`", ":@!$*(),[]",
}

// Whatever a value is, it is one value of the query and one segment of the path,
// for servers of both kinds: those that read + as a space, and those that do not.
func TestEscapedValueIsOneValue(t *testing.T) {
	for _, text := range hostileTexts {
		quoted, _ := payload.Encode(text)
		e := newEvent(t, `{"id":`+string(quoted)+`}`)
		for _, source := range []string{
			`"/orders?id=" + escape(body.id)`, `"/orders?id=" + escapeQuery(body.id)`, `"/orders?" + escapeQuery({id: body.id})`,
			`let q = escapeQuery({"id": body.id}); "/orders?" + q`, `"/orders?" + escapeQuery(body)`,
		} {
			out, err := apply(t, e, route.Rewrite{URI: source})
			if err != nil {
				t.Errorf("%s of %q: %v", source, text, err)
				continue
			}
			parsed, err := url.ParseRequestURI(out.URI)
			if err != nil {
				t.Fatal(err)
			}
			query, err := url.ParseQuery(parsed.RawQuery)
			if err != nil || len(query) != 1 || len(query["id"]) != 1 || query.Get("id") != text || strings.ContainsAny(out.URI, "+;#") {
				t.Errorf("%s of %q gave %s", source, text, out.URI)
			}
			if plain, err := url.PathUnescape(strings.TrimPrefix(parsed.RawQuery, "id=")); err != nil || plain != text {
				t.Errorf("%s of %q is %q to a server that leaves + alone", source, text, plain)
			}
		}
	}
}

func TestEscapeQuery(t *testing.T) {
	e := newEvent(t, `{"z":1,"a":"x y","n":null,"yes":true,"f":1.5,"big":12345678901234567890,"large":1e21,"list":["a&b",null,2,["c"]],
		"none":[],"object":{"b":"&","a":1},"na&me":"v","":"empty"}`)
	tests := []struct{ source, want string }{
		{`escapeQuery({id: body.z, at: body.a})`, "at=x%20y&id=1"},
		{`escapeQuery({n: body.n, missing: body.missing})`, ""},
		{`escapeQuery({yes: body.yes, f: body.f, big: body.big})`, "big=12345678901234567890&f=1.5&yes=true"},
		{`escapeQuery({large: body.large})`, "large=1000000000000000000000"},
		{`escapeQuery({tag: body.list})`, "tag=a%26b&tag=2&tag=%5B%22c%22%5D"},
		{`escapeQuery({none: body.none})`, ""},
		{`escapeQuery({o: body.object})`, "o=%7B%22a%22%3A1%2C%22b%22%3A%22%26%22%7D"},
		{`escapeQuery({"a&b": 1, "a=b": 2})`, "a%26b=1&a%3Db=2"},
		{`escapeQuery({"": body.z})`, "=1"},
		{`escapeQuery(body.z)`, "1"},
		{`escapeQuery({at: timestamp})`, "at="},
		{`escapeQuery(body.n)`, "!"},
		{`escapeQuery({when: map(["b", "a"], # + "+")})`, "when=b%2B&when=a%2B"},
	}
	for _, test := range tests {
		value, err := route.CompileValue(test.source)
		if err != nil {
			t.Fatal(err)
		}
		got, err := value.Compute(e)
		switch text, _ := got.(string); {
		case test.want == "!" && err == nil:
			t.Errorf("%s gave %q; want an error", test.source, text)
		case test.want != "!" && (err != nil || text != test.want && !(test.want == "at=" && strings.HasPrefix(text, "at="))):
			t.Errorf("%s gave %q, %v; want %q", test.source, text, err, test.want)
		}
	}
}

// A value that came is not put into a query as it is; the error names it and says
// what to write. What cannot add anything to a query loads.
func TestBareValueInQuery(t *testing.T) {
	refused := map[string]string{
		`"/orders?id=" + body.id`:                               "body.id",
		`"/orders?id=" + string(body.id)`:                       "body.id",
		`"/orders?" + "id=" + (body.id ?? "")`:                  "body.id",
		`"/orders?id=" + trim(body.job.id)`:                     "body.job.id",
		`"/orders?id=" + body["x-y"]`:                           `body["x-y"]`,
		`"/orders?id=" + body.job?.id`:                          "body.job?.id",
		`"/orders?id=" + escape(body.a) + "&b=" + body.b`:       "body.b",
		`"/orders?id=" + header("X-Id")`:                        `header("X-Id")`,
		`"/orders?id=" + query("id")`:                           `query("id")`,
		`"/orders?id=" + id`:                                    "id",
		`"/orders?id=" + event`:                                 "event",
		`"/orders?id=" + path`:                                  "path",
		`"/orders?id=" + (body.paid == true ? body.id : "x")`:   "body.id",
		`(body.paid == true ? "/a?id=" : "/b/") + body.id`:      "body.id",
		`let q = "?id="; "/orders" + q + body.id`:               "body.id",
		`let v = body.id; "/orders?id=" + v`:                    "body.id",
		`let v = body; "/orders?id=" + v.id`:                    "v.id",
		`"/orders?id=" + b64decode(escape(body.id))`:            "b64decode(escape(body.id))",
		`"/orders?id=" + json(body.text).id`:                    "json(body.text).id",
		`"/orders?ids=" + join(body.ids, ",")`:                  "body.ids",
		`"/orders?ids=" + join(map(body.ids, #), ",")`:          "#",
		`"/orders?ids=" + join(filter(body.ids, # != ""), ",")`: "body.ids",
		`join(["/orders?id=", body.id], "")`:                    "body.id",
		`replace("/orders?id=ID", "ID", body.id)`:               "body.id",
		`"/orders?id=" + reduce(body.ids, #acc + #, "")`:        "#",
		`"/orders?at=" + timestamp.Format(body.layout)`:         "body.layout",
		`"/orders?id=" + body.ids[0]`:                           "body.ids[0]",
		`"/orders?id=" + body.id[:5]`:                           "body.id",
	}
	for source, name := range refused {
		_, err := route.NewRewriter(&route.Rewrite{URI: source})
		if err == nil || !strings.HasPrefix(err.Error(), "uri: "+name+" stands in the query as it came") || !strings.Contains(err.Error(), "escapeQuery({name: ") {
			t.Errorf("%s: %v", source, err)
		}
	}
	for _, source := range []string{
		`"/orders?id=" + escape(body.id)`, `"/orders?id=" + escape(string(body.id))`, `"/orders?n=" + string(int(body.n))`,
		`"/orders?n=" + string(len(body.items))`, `"/orders?h=" + sha256(body.id)`, `"/orders?p=" + provider`, `"/orders?at=" + string(timestamp.Unix())`,
		`"/orders?ids=" + join(map(body.ids, escape(#)), ",")`, `"/orders?paid=" + (body.paid == true ? "1" : "0")`,
		`"/orders?kind=" + {"a": "x", "b": "y"}[body.kind]`, `"/orders?kind=" + ["x", "y"][body.n]`, `"/orders?" + escapeQuery({id: body.id})`,
		`let q = escapeQuery({id: body.id}); "/orders?" + q`, `"/orders?paid=" + string(body.paid == true)`, `"/orders?total=" + string(body.a * 2)`,
		`"/orders?ids=" + reduce(body.ids, #acc + escape(#), "")`, `"/orders/" + body.id`, `body.uri`, `path + "/more"`, `"/a?b=c"`,
	} {
		if _, err := route.NewRewriter(&route.Rewrite{URI: source}); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// A value in the path that is not escaped begins no query, and leaves no segment
// empty.
func TestBareValueInPath(t *testing.T) {
	e := newEvent(t, `{"id":"1?admin=true","amp":"1&a=b","number":"1#x","empty":"","slashes":"a//b","plain":"a/b","whole":"/a?b=c"}`)
	tests := []struct{ source, want string }{
		{`"/orders/" + body.id`, ""},
		{`"/orders/" + body.id + "?x=" + escape(body.amp)`, ""},
		{`body.id != "" ? "/orders/" + body.id : "/"`, ""},
		{`"/orders/" + body.number`, "/orders/1%23x"},
		{`"/orders/" + body.plain`, "/orders/a/b"},
		{`body.whole`, "/a?b=c"},
		{`"/orders/" + escape(body.empty) + "/refund"`, ""},
		{`"/orders/" + body.slashes`, ""},
		{`"/orders/" + escape(body.slashes)`, "/orders/a%2F%2Fb"},
		{`"/orders/" + escape(body.empty)`, "/orders/"},
		{`"/orders/" + body.amp`, "/orders/1&a=b"},
		{`"/orders/" + escape(body.id)`, "/orders/1%3Fadmin%3Dtrue"},
	}
	for _, test := range tests {
		out, err := apply(t, e, route.Rewrite{URI: test.source})
		if test.want == "" && err == nil || test.want != "" && (err != nil || out.URI != test.want) {
			t.Errorf("%s: %+v, %v; want %q", test.source, out, err, test.want)
		}
	}
	bare := map[string][]string{
		`"/orders/" + body.id`: {"body.id"}, `"/orders/" + escape(body.id)`: nil, `path + "/more"`: nil, `body.whole`: nil,
		`"/x/" + event + "/" + id`: {"event", "id"},
	}
	for _, source := range slices.Sorted(maps.Keys(bare)) {
		rewriter, err := route.NewRewriter(&route.Rewrite{URI: source})
		if err != nil || !slices.Equal(rewriter.BareInPath(), bare[source]) {
			t.Errorf("%s: %v, %v", source, rewriter.BareInPath(), err)
		}
	}
}
