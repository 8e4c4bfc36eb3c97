package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap"
	zapbuffer "go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// Redact is a log encoder that keeps the credentials of webhooks out of logs: of
// the access log, of the errors of handlers, and of whatever else in Caddy logs
// the headers or the URL of a request. It knows them from the configuration: the
// headers and parameters of the query that hold tokens and signatures of any of
// its endpoints. Their values are replaced by REDACTED, as Caddy does by itself
// with `Authorization` and cookies only.
type Redact struct {
	// The encoder that entries are written by once they are without
	// credentials. Default: what Caddy takes where no format is given, `console`
	// for a terminal, else `json`.
	WrappedRaw json.RawMessage `json:"wrap,omitempty" caddy:"namespace=caddy.logging.encoders inline_key=format"`

	redactFields `json:"-"` // into wrapped
	wrapped      zapcore.Encoder
}

// encoderNamespace is where log encoders are.
const encoderNamespace = "caddy.logging.encoders."

// CaddyModule returns the Caddy module information.
func (Redact) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  encoderNamespace + "webhook_redact",
		New: func() caddy.Module { return new(Redact) },
	}
}

// Provision loads the encoder that is wrapped.
func (e *Redact) Provision(ctx caddy.Context) error {
	if e.WrappedRaw == nil {
		// One that adds nothing, and chooses between the formats as Caddy does.
		plain := new(logging.AppendEncoder)
		if err := plain.Provision(ctx); err != nil {
			return err
		}
		e.wrap(plain)
		return nil
	}
	module, err := ctx.LoadModule(e, "WrappedRaw")
	if err != nil {
		return fmt.Errorf("loading the encoder that webhook_redact wraps: %w", err)
	}
	e.wrap(module.(zapcore.Encoder))
	return nil
}

func (e *Redact) wrap(encoder zapcore.Encoder) {
	e.wrapped, e.redactFields = encoder, redactFields{encoder}
}

// ConfigureDefaultFormat has the wrapped encoder choose its format.
func (e *Redact) ConfigureDefaultFormat(opener caddy.WriterOpener) error {
	if wrapped, ok := e.wrapped.(caddy.ConfiguresFormatterDefault); ok {
		return wrapped.ConfigureDefaultFormat(opener)
	}
	return nil
}

// UnmarshalCaddyfile sets up the encoder from Caddyfile tokens. Syntax:
//
//	webhook_redact [<encoder> ...]
func (e *Redact) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the encoder's name
	if !d.NextArg() {
		if d.NextBlock(0) {
			return d.Err("webhook_redact has no block of its own; write the encoder that it wraps before the brace: " +
				"format webhook_redact json {")
		}
		return nil
	}
	name := d.Val()
	module, err := caddyfile.UnmarshalModule(d, encoderNamespace+name)
	if err != nil {
		return err
	}
	encoder, ok := module.(zapcore.Encoder)
	if !ok {
		return d.Errf("%s%s is no encoder", encoderNamespace, name)
	}
	e.WrappedRaw = caddyconfig.JSONModuleObject(encoder, "format", name, nil)
	return nil
}

// Clone is part of zapcore.Encoder.
func (e *Redact) Clone() zapcore.Encoder {
	clone := new(Redact)
	clone.wrap(e.wrapped.Clone())
	return clone
}

// EncodeEntry is part of zapcore.Encoder.
func (e *Redact) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*zapbuffer.Buffer, error) {
	entry.Message = hiding.now().text(entry.Message)
	return e.wrapped.EncodeEntry(entry, []zapcore.Field{zap.Inline(redactedFields(fields))})
}

// redactedFields are fields that are written without credentials.
type redactedFields []zapcore.Field

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (f redactedFields) MarshalLogObject(to zapcore.ObjectEncoder) error {
	for _, field := range f {
		field.AddTo(redactFields{to})
	}
	return nil
}

// redactedReflection returns a value that is logged as JSON, without the
// credentials in it.
func redactedReflection(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var decoded any
	if err := decoder.Decode(&decoded); err != nil {
		return nil, err
	}
	if clean, changed := redactedJSON(hiding.now(), decoded); changed {
		return clean, nil
	}
	return value, nil
}

// redactedJSON hides credentials in decoded JSON, and reports whether there were
// any.
func redactedJSON(h *hidden, value any) (clean any, changed bool) {
	switch value := value.(type) {
	case string:
		text := h.text(value)
		return text, text != value
	case []any:
		for i := range value {
			var other bool
			value[i], other = redactedJSON(h, value[i])
			changed = changed || other
		}
	case map[string]any:
		for name, member := range value {
			if h.header(name) || h.variable(name) {
				value[name], changed = redacted, true
				continue
			}
			var other bool
			value[name], other = redactedJSON(h, member)
			changed = changed || other
		}
	}
	return value, changed
}

// Interface guards
var (
	_ caddy.Provisioner                = (*Redact)(nil)
	_ caddyfile.Unmarshaler            = (*Redact)(nil)
	_ caddy.ConfiguresFormatterDefault = (*Redact)(nil)
	_ zapcore.Encoder                  = (*Redact)(nil)
)
