package payload_test

import (
	"bytes"
	"errors"
	"mime/multipart"
	"reflect"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

const partsType = "multipart/form-data; boundary=B"

// part is a part of a multipart form with the boundary B.
func part(header, value string) string { return "--B\r\n" + header + "\r\n\r\n" + value + "\r\n" }

// fieldPart is a part that is a field.
func fieldPart(name, value string) string {
	return part(`Content-Disposition: form-data; name="`+name+`"`, value)
}

func TestMultipart(t *testing.T) {
	const end = "--B--\r\n"
	filePart := part("Content-Disposition: form-data; name=\"f\"; filename=\"a.pdf\"\r\nContent-Type: application/pdf", "%PDF\r\n--C\r\n")
	emptyFile := part(`Content-Disposition: form-data; name="f"; filename=""`, "")
	for name, test := range map[string]struct {
		contentType, raw string
		fields           map[string][]string // nil: refused
	}{
		"fields":                   {"", fieldPart("a", "1") + fieldPart("b", "x + ü & y\r\nz") + end, map[string][]string{"a": {"1"}, "b": {"x + ü & y\r\nz"}}},
		"a field twice":            {"", fieldPart("a", "1") + fieldPart("a", "2") + end, map[string][]string{"a": {"1", "2"}}},
		"an empty field":           {"", fieldPart("a", "") + end, map[string][]string{"a": {""}}},
		"no fields":                {"", "--B--", map[string][]string{}},
		"files":                    {"", fieldPart("a", "1") + filePart + end, map[string][]string{"a": {"1"}}},
		"a file not chosen":        {"", emptyFile + fieldPart("a", "1") + end, map[string][]string{"a": {"1"}}},
		"an encoded file name":     {"", part(`Content-Disposition: form-data; name="f"; filename*=UTF-8''a`, "x") + end, map[string][]string{}},
		"a type and encoding":      {"", part("Content-Disposition: form-data; name=\"a\"\r\nContent-Type: application/json\r\nContent-Transfer-Encoding: 8bit", "{}") + end, map[string][]string{"a": {"{}"}}},
		"no line break at the end": {"", fieldPart("a", "1") + "--B--", map[string][]string{"a": {"1"}}},
		"a quoted boundary":        {`Multipart/Form-Data; charset=utf-8; boundary="B"`, fieldPart("a", "1") + end, map[string][]string{"a": {"1"}}},

		"no boundary":             {"multipart/form-data", fieldPart("a", "1") + end, nil},
		"another boundary":        {"multipart/form-data; boundary=C", fieldPart("a", "1") + end, nil},
		"two boundaries":          {"multipart/form-data; boundary=B; boundary=C", fieldPart("a", "1") + end, nil},
		"no end":                  {"", fieldPart("a", "1"), nil},
		"text before":             {"", "x\r\n" + fieldPart("a", "1") + end, nil},
		"a line break before":     {"", "\r\n" + fieldPart("a", "1") + end, nil},
		"text after":              {"", fieldPart("a", "1") + end + "x", nil},
		"another form after":      {"", fieldPart("a", "1") + end + fieldPart("a", "2") + end, nil},
		"line feeds alone":        {"", strings.ReplaceAll(fieldPart("a", "1")+end, "\r\n", "\n"), nil},
		"no disposition":          {"", part("X-A: b", "1") + end, nil},
		"two dispositions":        {"", part("Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"", "1") + end, nil},
		"another disposition":     {"", part(`Content-Disposition: attachment; name="a"`, "1") + end, nil},
		"two names":               {"", part(`Content-Disposition: form-data; name="a"; name="b"`, "1") + end, nil},
		"no name":                 {"", part(`Content-Disposition: form-data`, "1") + end, nil},
		"an encoded name":         {"", part(`Content-Disposition: form-data; name*=utf-8''a`, "1") + end, nil},
		"an escape in a name":     {"", part(`Content-Disposition: form-data; name="a\"b"`, "1") + end, nil},
		"an encoded value":        {"", part("Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64", "MQ==") + end, nil},
		"quoted-printable":        {"", part("Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: quoted-printable", "=31") + end, nil},
		"a file named as a field": {"", filePart + fieldPart("f", "1") + end, nil},
		"too many parts":          {"", strings.Repeat(fieldPart("a", "1"), 1001) + end, nil},
	} {
		if test.contentType == "" {
			test.contentType = partsType
		}
		body := payload.New([]byte(test.raw), test.contentType, "")
		for range 2 {
			form, err := body.Form()
			if test.fields == nil {
				if err == nil || form != nil {
					t.Errorf("%s: %v is read", name, form)
				}
			} else if err != nil || !reflect.DeepEqual(map[string][]string(form), test.fields) {
				t.Errorf("%s: %q, %v; want %q", name, form, err, test.fields)
			}
		}
		if !body.IsMultipart() || body.IsForm() {
			t.Errorf("%s: the body is a form %t, multipart %t", name, body.IsForm(), body.IsMultipart())
		}
	}
}

// A field can hold the document, as that of a URL-encoded form can.
func TestMultipartDocument(t *testing.T) {
	raw := []byte(fieldPart("json", `{"a":{"b":7}}`) + fieldPart("c", "x") + "--B--\r\n")
	body := payload.New(raw, partsType, "json")
	var finder payload.Finder
	span, err := body.Span(&finder, finder.Add(mustPath(t, "a.b"), true))
	if err != nil || string(span.Of(body.Document())) != "7" {
		t.Errorf("a.b is %q, %v", span.Of(body.Document()), err)
	}
	if value, err := body.Value(); err != nil || !reflect.DeepEqual(value, map[string]any{"a": map[string]any{"b": 7}}) {
		t.Errorf("the value is %v, %v", value, err)
	}
	if err := body.CheckJSON(); err != nil {
		t.Error(err)
	}
	if value, err := payload.New(raw, partsType, "").Value(); err != nil || !reflect.DeepEqual(value, map[string]any{"json": `{"a":{"b":7}}`, "c": "x"}) {
		t.Errorf("the value of the form is %v, %v", value, err)
	}
	broken := payload.New(raw[2:], partsType, "json")
	if _, err := broken.Span(&finder, finder.Add(mustPath(t, "a.b"), true)); err == nil || !strings.Contains(err.Error(), "multipart") {
		t.Errorf("a broken form: %v", err)
	}
}

// Files are passed over, however large they are; fields count.
func TestMultipartMemory(t *testing.T) {
	file := part(`Content-Disposition: form-data; name="f"; filename="a"`, strings.Repeat("x", 8<<20))
	room := &ledger{size: 1 << 20}
	body := payload.New([]byte(fieldPart("a", "1")+file+"--B--"), partsType, "")
	body.SetMemory(room)
	if form, err := body.Form(); err != nil || form.Get("a") != "1" || room.most > 1000 {
		t.Errorf("%q, %v takes %d bytes", form, err, room.most)
	}
	body.Drop()
	if room.held != 0 {
		t.Errorf("%d bytes are counted after all was dropped", room.held)
	}
	body = payload.New([]byte(fieldPart("a", strings.Repeat("x", 1<<20))+"--B--"), partsType, "")
	body.SetMemory(room)
	if _, err := body.Form(); err == nil || !errors.Is(err, errNoRoom) {
		t.Errorf("a large field: %v", err)
	}
	body.Drop()
	if room.held != 0 {
		t.Errorf("%d bytes are counted after all was dropped", room.held)
	}
}

func TestWithField(t *testing.T) {
	for _, body := range []*payload.Body{
		payload.New([]byte("a=1&b=2&b=3"), formType, ""),
		payload.New([]byte(fieldPart("a", "1")+fieldPart("b", "2")+part(`Content-Disposition: form-data; name="f"; filename="x"`, "file")+fieldPart("b", "3")+"--B--\r\n"), partsType, ""),
	} {
		raw, err := body.WithField("b", "4 & 5")
		if err != nil {
			t.Fatal(err)
		}
		contentType := formType
		if body.IsMultipart() {
			contentType = partsType
			if !bytes.Contains(raw, []byte("\r\n\r\nfile\r\n")) {
				t.Error("the file is gone")
			}
		}
		form, err := payload.New(raw, contentType, "").Form()
		if err != nil || !reflect.DeepEqual(map[string][]string(form), map[string][]string{"a": {"1"}, "b": {"4 & 5"}}) {
			t.Errorf("%q is %v, %v", raw, form, err)
		}
	}
}

// What is read is what the standard library reads of it, too.
func FuzzMultipart(f *testing.F) {
	for _, raw := range []string{
		fieldPart("a", "1") + "--B--", fieldPart("a", "1") + fieldPart("b", "--B") + "--B--\r\n", "--B--", "--B\r\n\r\n\r\n--B--",
		part(`Content-Disposition: form-data; name="f"; filename="x"`, "1") + "--B--", part("Content-Disposition: form-data; name=a\r\nX: y", "\r\n--B-") + "--B--",
		"--B \t\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B--",
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		body := payload.New(raw, partsType, "")
		if !body.IsMultipart() {
			return
		}
		form, err := body.Form()
		if err != nil {
			return
		}
		theirs, err := multipart.NewReader(bytes.NewReader(raw), "B").ReadForm(1 << 20)
		if err != nil {
			if len(form) > 0 {
				t.Fatalf("%q is %v here, and %v there", raw, form, err)
			}
			return
		}
		for name, values := range form {
			if !reflect.DeepEqual(theirs.Value[name], values) {
				t.Fatalf("%q: %q is %q here, and %q there", raw, name, values, theirs.Value[name])
			}
		}
	})
}
