package payload

import (
	"bytes"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// Readers of multipart/form-data do not agree on much of it. What they might take
// for other fields is refused here, because the fields may be signed.

var errMultipart error = Fault("the multipart form is not valid")

// errParts is returned for a form of so many parts that it is no webhook.
var errParts = Faultf("the multipart form has more than %d parts", maxParts)

const maxParts = 1000

// parseMultipart reads the fields of a multipart form. Files are passed over.
func (b *Body) parseMultipart() (url.Values, error) {
	parts, err := b.openMultipart()
	if err != nil {
		return nil, err
	}
	form := make(url.Values)
	var files []string
	for range maxParts {
		part, err := parts.NextRawPart()
		if err == io.EOF { //nolint:errorlint // a form that ends too early gives an error that wraps it
			if slices.ContainsFunc(files, form.Has) {
				return nil, errMultipart // some readers do not tell them apart
			}
			return form, nil
		}
		if err != nil {
			return nil, errMultipart
		}
		name, isFile, err := nameOf(part.Header)
		if err != nil {
			return nil, err
		}
		if isFile {
			files = append(files, name)
			continue
		}
		value := keptText{body: b}
		if _, err := io.Copy(&value, part); err != nil {
			if value.full != nil {
				return nil, value.full
			}
			return nil, errMultipart
		}
		form.Add(name, value.text.String())
	}
	return nil, errParts
}

// openMultipart returns a reader of the parts. The body must begin and end with
// them: what stands around them, some readers pass over and others do not.
func (b *Body) openMultipart() (*multipart.Reader, error) {
	_, parameters, err := mime.ParseMediaType(b.contentType)
	boundary := parameters["boundary"]
	if err != nil || boundary == "" {
		return nil, errMultipart
	}
	first, last := []byte("--"+boundary), []byte("--"+boundary+"--")
	rest, found := bytes.CutPrefix(b.raw, last) // without parts
	if !found {
		rest, found = bytes.CutPrefix(b.raw, first)
		if found = found && bytes.HasPrefix(rest, []byte("\r\n")); found {
			_, rest, found = bytes.Cut(rest, append([]byte("\r\n"), last...))
		}
	}
	if !found || len(bytes.Trim(rest, "\r\n")) > 0 {
		return nil, errMultipart
	}
	return multipart.NewReader(bytes.NewReader(b.raw), boundary), nil
}

// nameOf returns the name of a field or a file.
func nameOf(header textproto.MIMEHeader) (name string, isFile bool, err error) {
	dispositions := header["Content-Disposition"]
	if len(dispositions) != 1 {
		return "", false, errMultipart
	}
	kind, parameters, err := mime.ParseMediaType(dispositions[0])
	if err != nil || kind != "form-data" {
		return "", false, errMultipart
	}
	name = parameters["name"]
	_, isFile = parameters["filename"]
	encoded := strings.Contains(dispositions[0], "*=") || header.Get("Content-Transfer-Encoding") != "" &&
		!slices.Contains([]string{"7bit", "8bit", "binary"}, strings.ToLower(header.Get("Content-Transfer-Encoding")))
	if name == "" || strings.ContainsAny(name, `"\`) || encoded && !isFile {
		return "", false, errMultipart
	}
	return name, isFile, nil
}

// keptText is a text that counts as it grows.
type keptText struct {
	body *Body
	text strings.Builder
	full error // there was no room for it
}

func (t *keptText) Write(p []byte) (int, error) {
	if t.full = t.body.keep(2*len(p) + sizeOfField); t.full != nil {
		return 0, t.full
	}
	return t.text.Write(p)
}

// WithField returns the bytes of a form in which a field has one value, and is
// written last.
func (b *Body) WithField(name, value string) ([]byte, error) {
	form, err := b.Form()
	if err != nil {
		return nil, err
	}
	if !b.IsMultipart() {
		changed := maps.Clone(form)
		changed.Set(name, value)
		return []byte(changed.Encode()), nil
	}
	return b.withPart(name, value)
}

func (b *Body) withPart(name, value string) ([]byte, error) {
	parts, err := b.openMultipart()
	if err != nil {
		return nil, err
	}
	_, parameters, _ := mime.ParseMediaType(b.contentType) // it could be opened
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	if err := w.SetBoundary(parameters["boundary"]); err != nil {
		return nil, err
	}
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF { //nolint:errorlint // see parseMultipart
			break
		}
		if err != nil {
			return nil, errMultipart
		}
		if part.FormName() == name {
			continue
		}
		to, err := w.CreatePart(part.Header)
		if err == nil {
			_, err = io.Copy(to, part)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := w.WriteField(name, value); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}
