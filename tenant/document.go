package tenant

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// maxDocument is how large the JSON of a tenant may be, in bytes.
const maxDocument = 64 << 10

// DocumentError says that a tenant is known, but that its JSON cannot be used.
// Its text repeats nothing of the document but the names of its members.
type DocumentError struct{ problem string }

func (e *DocumentError) Error() string { return "the tenant's JSON cannot be used: " + e.problem }

func broken(format string, args ...any) error {
	return &DocumentError{fmt.Sprintf(format, args...)}
}

// errOtherID is returned for a document that is found under another id than its own.
var errOtherID = broken("it has the id of another tenant")

// Parse reads the JSON of a tenant. It is strict: a name that is unknown or stands
// twice is an error, because a credential that is overlooked is one that is not
// checked.
func Parse(id string, document []byte) (*Tenant, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	t, err := read(document)
	switch {
	case err != nil:
		return nil, err
	case t.ID != "" && t.ID != id:
		return nil, errOtherID
	}
	t.ID = id
	return t, nil
}

// read reads the JSON of whatever tenant.
func read(document []byte) (*Tenant, error) {
	if len(document) > maxDocument {
		return nil, broken("it has more than %d bytes", maxDocument)
	}
	tree, err := payload.Decode(document)
	if err != nil {
		return nil, broken("%v", err)
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return nil, broken("it is no object")
	}
	if err := checkNames(object); err != nil {
		return nil, err
	}
	t := &Tenant{version: sha256.Sum256(document)}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(t); err != nil {
		return nil, explainDecoding(err)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t, nil
}

// checkNames refuses names of members that the decoder would take for others: it
// does not mind their case.
func checkNames(object map[string]any) error {
	for name, value := range object {
		if !isName(name) {
			return broken("the name %.40q is unknown", name)
		}
		if name != "credentials" {
			continue
		}
		byEndpoint, _ := value.(map[string]any)
		for _, credentials := range byEndpoint {
			if err := checkNested(credentials); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkNested(value any) error {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			if !isName(name) {
				return broken("the name %.40q is unknown", name)
			}
			if err := checkNested(member); err != nil {
				return err
			}
		}
	case []any:
		for _, element := range value {
			if err := checkNested(element); err != nil {
				return err
			}
		}
	}
	return nil
}

func isName(name string) bool {
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// explainDecoding leaves out the values that the decoder's errors may repeat.
func explainDecoding(err error) error {
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return broken("%s is not %s", mismatch.Field, typeName(mismatch.Type))
	}
	if _, name, unknown := strings.Cut(err.Error(), "unknown field "); unknown {
		return broken("the name %.40s is unknown", name)
	}
	return broken("it is not as documented")
}

// typeName is what JSON calls the values that a type of a tenant's document is made of.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list"
	default:
		return "an object"
	}
}

// check refuses a tenant by whose credentials anybody could pass, and vars that no
// placeholder can name.
func (t *Tenant) check() error {
	for name, credentials := range t.Credentials {
		if credentials == nil {
			return broken("credentials of %.40q: they are null", name)
		}
		if err := credentials.check(); err != nil {
			return broken("credentials of %.40q: %v", name, err)
		}
	}
	for name, value := range t.Vars {
		if !varName.MatchString(name) {
			return broken("vars: a name has 1 to 64 of the characters A-Z a-z 0-9 _ and -")
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) || !utf8.ValidString(value) {
			return broken("vars: %s has a control character", name)
		}
	}
	return nil
}

// varName is what a placeholder and a rule can name.
var varName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// unreplaced is a placeholder. In a tenant's JSON, which the operator need not have
// written, none is replaced.
var unreplaced = regexp.MustCompile(`^\{[a-zA-Z_$][^{}"]*\}$`)

func checkValue(value string) error {
	switch {
	case strings.TrimSpace(value) == "":
		return errors.New("is empty")
	case strings.TrimSpace(value) != value && !strings.HasPrefix(value, "-----BEGIN "):
		return errors.New("has white space around it")
	case unreplaced.MatchString(value):
		return errors.New("is a placeholder, and none is replaced here: write the value itself")
	}
	return verify.CheckWritten(value, nil)
}
