package archive

import (
	"encoding/json"
	"strconv"
	"time"
)

// AppendJSON appends the summary as encoding/json writes it. One is written for each
// webhook that is kept, and this takes a quarter of the time.
func (s *Summary) AppendJSON(to []byte) ([]byte, error) {
	o := object{to: append(to, '{')}
	o.text("ref", s.Ref)
	o.time("received", s.Received)
	o.text("provider", s.Provider)
	o.text("endpoint", s.Endpoint)
	o.present("server", s.Server)
	o.present("tenant", s.Tenant)
	o.present("event", s.Event)
	o.present("id", s.ID)
	if !s.Stated.IsZero() {
		o.time("stated", s.Stated)
	}
	o.present("signed", s.Signed)
	o.text("outcome", s.Outcome)
	o.present("detail", s.Detail)
	o.whether("refused", s.Refused)
	o.present("route", s.Route)
	if s.Status != 0 {
		o.number("status", int64(s.Status))
	}
	if s.Duration != 0 {
		o.number("duration", int64(s.Duration))
	}
	o.present("client_ip", s.ClientIP)
	o.text("scheme", s.Scheme)
	o.text("host", s.Host)
	o.text("method", s.Method)
	o.text("uri", s.URI)
	o.text("proto", s.Proto)
	o.present("form_field", s.FormField)
	o.number("size", int64(s.Size))
	o.whether("redacted", s.Redacted)
	o.present("omitted", s.Omitted)
	if len(s.Later) > 0 {
		o.value("later", s.Later)
	}
	return append(o.to, '}'), o.err
}

// object is a JSON object that is being written.
type object struct {
	to  []byte
	err error // the first one
}

// name begins a member. No name needs an escape.
func (o *object) name(name string) {
	if o.to[len(o.to)-1] != '{' {
		o.to = append(o.to, ',')
	}
	o.to = append(append(append(o.to, '"'), name...), '"', ':')
}

func (o *object) text(name, value string) {
	if !plain(value) {
		o.value(name, value)
		return
	}
	o.name(name)
	o.to = append(append(append(o.to, '"'), value...), '"')
}

// present writes a text unless it is empty.
func (o *object) present(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *object) number(name string, value int64) {
	o.name(name)
	o.to = strconv.AppendInt(o.to, value, 10)
}

// whether writes true, or nothing.
func (o *object) whether(name string, value bool) {
	if value {
		o.name(name)
		o.to = append(o.to, "true"...)
	}
}

func (o *object) time(name string, value time.Time) {
	if year := value.Year(); year < 0 || year > 9999 {
		o.value(name, value) // an error, in the words of encoding/json
		return
	}
	o.name(name)
	o.to = append(value.AppendFormat(append(o.to, '"'), time.RFC3339Nano), '"')
}

// value writes what is rare.
func (o *object) value(name string, value any) {
	written, err := json.Marshal(value)
	if err != nil && o.err == nil {
		o.err = err
	}
	o.name(name)
	o.to = append(o.to, written...)
}

// plain reports whether encoding/json writes a text as it is.
func plain(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
