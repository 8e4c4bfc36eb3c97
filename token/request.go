package token

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// MaxBody is the largest body of a request for a token, in bytes.
const MaxBody = 16 << 10

const (
	grantType         = "grant_type"
	clientCredentials = "client_credentials"

	// maxParts is how many fields a multipart form may have.
	maxParts = 32
)

// Credentials are what a client has sent to get a token.
type Credentials struct{ ID, Secret string }

// The codes of RFC 6749 section 5.2 that an answer to a bad request has.
const (
	InvalidRequest       = "invalid_request"
	InvalidClient        = "invalid_client"
	UnsupportedGrantType = "unsupported_grant_type"
)

// RequestError says that no token can be issued for a request, whoever sent it.
type RequestError struct {
	Status int    // of the answer
	Code   string // error in the answer
	Detail string // what was wrong; neither an id nor a secret
}

func (e *RequestError) Error() string { return e.Detail }

func bad(format string, args ...any) error {
	return &RequestError{http.StatusBadRequest, InvalidRequest, fmt.Sprintf(format, args...)}
}

// Read finds the credentials in a request for a token, of which body is all:
// those that it may mean, or none where it has none. There are two where Basic
// authentication was used, because clients differ in whether they encode them
// as RFC 6749 demands. The error is a *RequestError.
func (c *Config) Read(header http.Header, body []byte) ([]Credentials, error) {
	fields, err := readFields(header, body)
	if err != nil {
		return nil, err
	}
	if grant := fields[grantType]; grant != "" && grant != clientCredentials {
		return nil, &RequestError{http.StatusBadRequest, UnsupportedGrantType, "grant_type is not " + clientCredentials}
	}
	candidates, err := readBasic(header)
	if err != nil {
		return nil, err
	}
	named, err := c.readHeaders(header)
	if err != nil {
		return nil, err
	}
	inBody := Credentials{fields[c.Fields.ID], fields[c.Fields.Secret]}
	const twice = "there are credentials in more than one place"
	switch {
	case len(candidates) > 0 && len(named) > 0:
		return nil, bad(twice)
	case len(named) > 0:
		candidates = named
	}
	switch {
	case inBody == Credentials{}:
		return candidates, nil
	case len(candidates) == 0:
		return []Credentials{inBody}, nil
	case inBody.Secret != "":
		return nil, bad(twice)
	case !anyHasID(candidates, inBody.ID): // the id may be repeated (RFC 6749 section 3.2.1)
		return nil, bad("the body names another client than the header")
	}
	return candidates, nil
}

func anyHasID(candidates []Credentials, id string) bool {
	for _, candidate := range candidates {
		if candidate.ID == id {
			return true
		}
	}
	return false
}

// readBasic reads HTTP Basic authentication: as RFC 6749 section 2.3.1 has it,
// with both parts encoded like a form, and as RFC 7617 has it, without. Other
// uses of the header are none of ours: a provider may send its old token.
func readBasic(header http.Header) ([]Credentials, error) {
	value, err := single(header, "Authorization")
	if value == "" || err != nil {
		return nil, err
	}
	scheme, encoded, _ := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return nil, nil
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return nil, bad("the Basic credentials are not base64")
	}
	id, secret, ok := strings.Cut(string(text), ":")
	if !ok {
		return nil, bad("the Basic credentials have no colon")
	}
	candidates := []Credentials{{id, secret}}
	plainID, errID := url.QueryUnescape(id)
	plainSecret, errSecret := url.QueryUnescape(secret)
	if errID == nil && errSecret == nil && (plainID != id || plainSecret != secret) {
		candidates = append(candidates, Credentials{plainID, plainSecret})
	}
	return candidates, nil
}

// readHeaders reads the headers that the operator named.
func (c *Config) readHeaders(header http.Header) ([]Credentials, error) {
	if c.Headers == nil {
		return nil, nil
	}
	id, err := single(header, c.Headers.ID)
	if err != nil {
		return nil, err
	}
	secret, err := single(header, c.Headers.Secret)
	if err != nil || id == "" && secret == "" {
		return nil, err
	}
	return []Credentials{{id, secret}}, nil
}

// single returns the value of a header that may be there once.
func single(header http.Header, name string) (string, error) {
	values := header[http.CanonicalHeaderKey(name)]
	if len(values) > 1 {
		return "", bad("the header %s is given %d times", name, len(values))
	}
	if len(values) == 0 {
		return "", nil
	}
	return values[0], nil
}

// readFields reads the fields of a body. An empty body has none.
func readFields(header http.Header, body []byte) (map[string]string, error) {
	for _, encoding := range header["Content-Encoding"] {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return nil, &RequestError{http.StatusUnsupportedMediaType, InvalidRequest, "the body is compressed"}
		}
	}
	if len(body) == 0 {
		return nil, nil
	}
	declared, err := single(header, "Content-Type")
	if err != nil {
		return nil, err
	}
	mediaType, parameters, err := mime.ParseMediaType(declared)
	if err != nil {
		mediaType = ""
	}
	switch mediaType {
	case "application/json":
		return readJSON(body)
	case "application/x-www-form-urlencoded":
		return readForm(body)
	case "multipart/form-data":
		return readMultipart(body, parameters["boundary"])
	default:
		return nil, &RequestError{
			http.StatusUnsupportedMediaType, InvalidRequest,
			"the body is not declared as application/json, multipart/form-data or application/x-www-form-urlencoded",
		}
	}
}

// readJSON reads an object. Members that are no strings can be no credentials.
func readJSON(body []byte) (map[string]string, error) {
	decoded, err := payload.Decode(body)
	if err != nil {
		return nil, bad("%v", err)
	}
	object, ok := decoded.(map[string]any)
	if !ok {
		return nil, bad("the body is not a JSON object")
	}
	fields := make(map[string]string)
	for name, value := range object {
		if text, ok := value.(string); ok {
			fields[name] = text
		}
	}
	if value, present := object[grantType]; present && value != nil && fields[grantType] == "" {
		return nil, bad("grant_type is not a string, or empty")
	}
	return fields, nil
}

func readForm(body []byte) (map[string]string, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, bad("the form cannot be read")
	}
	fields := make(map[string]string)
	for name, values := range form {
		if len(values) > 1 {
			return nil, bad("a field of the form is given %d times", len(values))
		}
		fields[name] = values[0]
	}
	return fields, nil
}

func readMultipart(body []byte, boundary string) (map[string]string, error) {
	if boundary == "" {
		return nil, bad("multipart/form-data states no boundary")
	}
	fields := make(map[string]string)
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := reader.NextRawPart()
		switch {
		case errors.Is(err, io.EOF) && len(fields) > 0:
			return fields, nil
		case errors.Is(err, io.EOF):
			return nil, bad("the form has no fields; is its boundary another one?")
		case err != nil:
			return nil, bad("the form cannot be read")
		}
		name := part.FormName()
		value, err := io.ReadAll(part)
		switch {
		case err != nil:
			return nil, bad("the form ends too early")
		case part.FileName() != "":
			return nil, bad("a field of the form is a file")
		case name == "":
			return nil, bad("a field of the form has no name")
		case len(fields) == maxParts:
			return nil, bad("the form has more than %d fields", maxParts)
		}
		if _, twice := fields[name]; twice {
			return nil, bad("a field of the form is given more than once")
		}
		fields[name] = string(value)
	}
}
