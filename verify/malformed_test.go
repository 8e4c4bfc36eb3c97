package verify_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Each body comes with the signature of what a careless reader would take it
// to say. An attacker has such a signature: he saw one event, or he found the
// provider signing nonsense.
func TestMalformed(t *testing.T) {
	const rest = `,"created_at":"2024-05-14T12:00:00Z","type":"CREATED"}`
	const evil = "evil&2024-05-14T12:00:00Z&CREATED"
	tests := []struct{ name, body, text string }{
		{"duplicate, good first", `{"id":"e1","id":"evil"` + rest, goodText},
		{"duplicate, good last", `{"id":"evil","id":"e1"` + rest, goodText},
		{"duplicate, read as evil", `{"id":"e1","id":"evil"` + rest, evil},
		{"duplicate, escaped", `{"id":"e1","created_at":"2024-05-14T12:00:00Z","type":"CREATED","t\u0079pe":"CANCELLED"}`, goodText},
		{"case variant after", `{"id":"e1","ID":"evil"` + rest, goodText},
		{"case variant before", `{"Id":"evil","id":"e1"` + rest, goodText},
		{"case variant alone", `{"ID":"e1"` + rest, goodText},
		{"case variant of another field", `{"id":"e1","TYPE":"CANCELLED"` + rest, goodText},
		{"case variant, escaped", `{"id":"e1","\u0049d":"evil"` + rest, goodText},
		{"invalid UTF-8", "{\"id\":\"e1\xff\"" + rest, "e1\xff&2024-05-14T12:00:00Z&CREATED"},
		{"invalid UTF-8, replaced", "{\"id\":\"e1\xff\"" + rest, "e1\ufffd&2024-05-14T12:00:00Z&CREATED"},
		{"invalid UTF-8 in what is not signed", "{\"x\":\"\xff\",\"id\":\"e1\"" + rest, goodText},
		{"lone surrogate", `{"id":"e1\ud800"` + rest, "e1\ufffd&2024-05-14T12:00:00Z&CREATED"},
		{"lone surrogate, dropped", `{"id":"e1\ud800"` + rest, goodText},
		{"second document", goodJob + `{"id":"evil"}`, goodText},
		{"trailing garbage", goodJob + "x", goodText},
		{"trailing comma", `{"id":"e1"` + strings.Replace(rest, "}", ",}", 1), goodText},
		{"byte order mark", "\ufeff" + goodJob, goodText},
		{"comment", `{/* */"id":"e1"` + rest, goodText},
		{"NaN", `{"x":NaN,"id":"e1"` + rest, goodText},
		{"leading zero", `{"id":01` + rest, "01&2024-05-14T12:00:00Z&CREATED"},
		{"raw control character", "{\"id\":\"e1\n\"" + rest, "e1\n&2024-05-14T12:00:00Z&CREATED"},
		{"raw NUL", "{\"id\":\"e1\x00\"" + rest, "e1\x00&2024-05-14T12:00:00Z&CREATED"},
		{"too deep", `{"x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `,"id":"e1"` + rest, goodText},
		{"separator in the first field", `{"id":"e1&2024-05-14T12:00:00Z","created_at":"CREATED","type":""}`, goodText + "&"},
		{"separator moved", `{"id":"a&b","created_at":"c","type":"d"}`, "a&b&c&d"},
		{"separator moved the other way", `{"id":"a","created_at":"b&c","type":"d"}`, "a&b&c&d"},
		{"separator in the last field", `{"id":"a","created_at":"b","type":"c&d"}`, "a&b&c&d"},
		{"separator, escaped", `{"id":"a\u0026b","created_at":"c","type":"d"}`, "a&b&c&d"},
		{"missing, as nothing", `{"x":1` + rest, "&2024-05-14T12:00:00Z&CREATED"},
		{"missing, as undefined", `{"x":1` + rest, "undefined&2024-05-14T12:00:00Z&CREATED"},
		{"missing last", `{"id":"e1","created_at":"2024-05-14T12:00:00Z"}`, "e1&2024-05-14T12:00:00Z&"},
		{"all missing", `{}`, "&&"},
		{"null, as nothing", `{"id":null` + rest, "&2024-05-14T12:00:00Z&CREATED"},
		{"null, as its name", `{"id":null` + rest, "null&2024-05-14T12:00:00Z&CREATED"},
		{"null, as Go prints it", `{"id":null` + rest, "<nil>&2024-05-14T12:00:00Z&CREATED"},
		{"object, as JavaScript prints it", `{"id":{"a":1}` + rest, "[object Object]&2024-05-14T12:00:00Z&CREATED"},
		{"object, as Go prints it", `{"id":{"a":1}` + rest, "map[a:1]&2024-05-14T12:00:00Z&CREATED"},
		{"object, as JSON", `{"id":{"a":1}` + rest, `{"a":1}&2024-05-14T12:00:00Z&CREATED`},
		{"array, as JavaScript prints it", `{"id":["e1"]` + rest, goodText},
		{"array, as JSON", `{"id":["e1"]` + rest, `["e1"]&2024-05-14T12:00:00Z&CREATED`},
		{"empty array", `{"id":[]` + rest, "&2024-05-14T12:00:00Z&CREATED"},
		{"true", `{"id":true` + rest, "true&2024-05-14T12:00:00Z&CREATED"},
		{"false", `{"id":"e1","created_at":false,"type":"CREATED"}`, "e1&false&CREATED"},
		{"fields one level down", `{"job":` + goodJob + `}`, goodText},
		{"in an array", `[` + goodJob + `]`, goodText},
		{"a string", `"e1"`, goodText},
		{"empty", ``, goodText},
		{"white space", "\n", goodText},
		{"text", goodText, goodText},
		{"a form", "id=e1&created_at=2024-05-14T12:00:00Z&type=CREATED", goodText},
	}
	v := signed(t, "instaleap")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			job(test.body, test.text).expect(t, v, verify.Malformed)
		})
	}
	job(goodJob, goodText).expect(t, v, "")
	// What nobody reads may stand twice.
	job(`{"job":{"id":"j1","id":"j2"},"id":"e1"`+rest, goodText).expect(t, v, "")
}

// Signed values enter the signature as they were written.
func TestSignedValues(t *testing.T) {
	const rest = `,"created_at":"c","type":"t"}`
	tests := []struct {
		name, body, text string
		want             verify.Reason
	}{
		{"integer", `{"id":1130` + rest, "1130&c&t", ""},
		{"fraction", `{"id":38.90` + rest, "38.90&c&t", ""},
		{"fraction, shortened", `{"id":38.90` + rest, "38.9&c&t", verify.BadSignature},
		{"exponent", `{"id":1e2` + rest, "1e2&c&t", ""},
		{"exponent, written out", `{"id":1e2` + rest, "100&c&t", verify.BadSignature},
		{"20 digits", `{"id":12345678901234567890` + rest, "12345678901234567890&c&t", ""},
		{"20 digits, as a float", `{"id":12345678901234567890` + rest, "12345678901234567000&c&t", verify.BadSignature},
		{"number for a string", `{"id":1` + rest, "1&c&t", ""},
		{"escapes undone", `{"id":"\u0065\u0031\/"` + rest, "e1/&c&t", ""},
		{"escapes left", `{"id":"\u0065"` + rest, `\u0065&c&t`, verify.BadSignature},
		{"escaped name", `{"\u0069d":"e1"` + rest, "e1&c&t", ""},
		{"outside ASCII", `{"id":"größe 😀"` + rest, "größe 😀&c&t", ""},
		{"escaped pair of surrogates", `{"id":"\ud83d\ude00"` + rest, "😀&c&t", ""},
		{"other order and white space", "\t{ \"type\" : \"t\" ,\n\"created_at\":\"c\", \"id\":\"e1\"}\n", "e1&c&t", ""},
		{"numbers that no float holds, not signed", `{"x":1e400,"y":12345678901234567890123,"id":"e1"` + rest, "e1&c&t", ""},
		{"many names", `{"id":"e1",` + manyNames(60000) + rest, "e1&c&t", ""},
		{"deep, within the limit", `{"x":` + strings.Repeat("[", 9998) + strings.Repeat("]", 9998) + `,"id":"e1"` + rest, "e1&c&t", ""},
		{"case variant at another depth", `{"job":{"ID":"x"},"id":"e1"` + rest, "e1&c&t", ""},
		{"the separator where it is not signed", `{"x":"a&b","id":"e1"` + rest, "e1&c&t", ""},
		{"another type", `{"id":"e1","created_at":"c","type":"u"}`, "e1&c&t", verify.BadSignature},
		{"values exchanged", `{"id":"c","created_at":"e1","type":"t"}`, "e1&c&t", verify.BadSignature},
	}
	v := signed(t, "instaleap")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			job(test.body, test.text).expect(t, v, test.want)
		})
	}
}

// manyNames is the inside of an object with n different names.
func manyNames(n int) string {
	var out strings.Builder
	for i := range n {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(`"n`)
		for digit := i; digit > 0; digit /= 26 {
			out.WriteByte(byte('a' + digit%26))
		}
		out.WriteString(`":0`)
	}
	return out.String()
}

// The chat scheme signs a timestamp out of its header, too.
func TestChatMalformed(t *testing.T) {
	const body = `{"client_id":"c","sender":"SH","job_id":"j"}`
	const stamp = "2024-03-08T00:18:39.115Z"
	tests := []struct {
		name, body, stamp, text string
		want                    verify.Reason
	}{
		{"right", body, stamp, stamp + "&c&SH&j", ""},
		{"separator in the timestamp", body, stamp + "&c", stamp + "&c&c&SH&j", verify.Malformed},
		{"separator moved into the timestamp", `{"client_id":"SH","sender":"j","job_id":""}`, stamp + "&c", stamp + "&c&SH&j&", verify.Malformed},
		{"separator in a field", `{"client_id":"c&SH","sender":"j","job_id":"x"}`, stamp, stamp + "&c&SH&j&x", verify.Malformed},
		{"field missing", `{"client_id":"c","sender":"SH"}`, stamp, stamp + "&c&SH&", verify.Malformed},
		{"field null", `{"client_id":"c","sender":"SH","job_id":null}`, stamp, stamp + "&c&SH&null", verify.Malformed},
		{"case variant", `{"client_id":"c","sender":"SH","job_id":"j","Job_Id":"k"}`, stamp, stamp + "&c&SH&j", verify.Malformed},
		{"no time", body, "2024", "2024&c&SH&j", verify.Malformed},
		{"another timestamp", body, "2025-03-08T00:18:39.115Z", stamp + "&c&SH&j", verify.BadSignature},
		{"another sender", `{"client_id":"c","sender":"SUP","job_id":"j"}`, stamp, stamp + "&c&SH&j", verify.BadSignature},
	}
	v := signed(t, "instaleap-chat")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			header := with("InstaLeap-Signature-V3", "t="+test.stamp+",v3="+mac(secret, test.text))
			hook{header: header, body: test.body}.expect(t, v, test.want)
		})
	}
}

// What is not signed as fields may be anything, but where a name that is read
// stands twice the application could read another event than the one that was routed.
func TestUnreadableBodies(t *testing.T) {
	tests := []struct {
		name, body string
		event      string
		want       verify.Reason
	}{
		{"text", "Hello, World!", "", ""},
		{"empty", "", "", ""},
		{"trailing garbage", `{"status":"completed"}x`, "", ""},
		{"duplicate event", `{"status":"completed","status":"returned"}`, "", verify.Malformed},
		{"duplicate elsewhere", `{"status":"completed","x":{"y":1,"y":2}}`, "completed", ""},
	}
	v := builtin(t, "shippify", &verify.Config{Tokens: []string{"t"}})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result, refused := hook{header: with("Authorization", "Bearer t"), body: test.body}.send(t, v)
			if refused != test.want {
				t.Errorf("refused for %q; want %q", refused, test.want)
			}
			if result != nil && result.Event != test.event {
				t.Errorf("the event is %q; want %q", result.Event, test.event)
			}
		})
	}
	// The provider signed every byte, so the name stands twice by its will.
	github := signed(t, "github")
	for _, body := range []string{"Hello, World!", "", `{"a":1,"a":2}`} {
		hook{header: with("X-Hub-Signature-256", "sha256="+mac(secret, body)), body: body}.expect(t, github, "")
	}
}
