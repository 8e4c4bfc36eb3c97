package handlers

import (
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap/zapcore"
)

// redactFields writes fields to an encoder, without the credentials in them. A
// header is told by the name of its field, wherever it stands, also as a variable
// that FastCGI passes on; a parameter of a query is looked for in every text.
type redactFields struct{ zapcore.ObjectEncoder }

// AddString implements zapcore.ObjectEncoder.
func (r redactFields) AddString(key, value string) {
	h := hiding.now()
	if h.variable(key) {
		r.ObjectEncoder.AddString(key, redacted)
		return
	}
	r.ObjectEncoder.AddString(key, h.text(value))
}

// AddByteString implements zapcore.ObjectEncoder.
func (r redactFields) AddByteString(key string, value []byte) {
	r.ObjectEncoder.AddByteString(key, []byte(hiding.now().text(string(value))))
}

// AddArray implements zapcore.ObjectEncoder. Headers are arrays.
func (r redactFields) AddArray(key string, array zapcore.ArrayMarshaler) error {
	if hiding.now().header(key) {
		return r.ObjectEncoder.AddArray(key, caddyhttp.LoggableStringArray{redacted})
	}
	return r.ObjectEncoder.AddArray(key, redactedArray(array))
}

// AddObject implements zapcore.ObjectEncoder.
func (r redactFields) AddObject(key string, object zapcore.ObjectMarshaler) error {
	return r.ObjectEncoder.AddObject(key, redactObject{object})
}

// AddReflected implements zapcore.ObjectEncoder.
func (r redactFields) AddReflected(key string, value any) error {
	if probe, ok := value.(*logProbe); ok {
		probe.redacted++
		return nil
	}
	if hiding.now().header(key) {
		return r.ObjectEncoder.AddReflected(key, redacted)
	}
	clean, err := redactedReflection(value)
	if err != nil {
		return err
	}
	return r.ObjectEncoder.AddReflected(key, clean)
}

// redactObject is an object that is written without credentials.
type redactObject struct{ zapcore.ObjectMarshaler }

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (o redactObject) MarshalLogObject(to zapcore.ObjectEncoder) error {
	return o.ObjectMarshaler.MarshalLogObject(redactFields{to})
}

// redactedArray returns an array that is written without credentials. Those of
// headers keep their type, for which the filters of Caddy look.
func redactedArray(array zapcore.ArrayMarshaler) zapcore.ArrayMarshaler {
	values, ok := array.(caddyhttp.LoggableStringArray)
	if !ok {
		return redactArray{array}
	}
	clean, h := values, hiding.now()
	for i, value := range values {
		text := h.text(value)
		if text == value {
			continue
		}
		if &clean[0] == &values[0] { // the values are the request's
			clean = append(caddyhttp.LoggableStringArray(nil), values...)
		}
		clean[i] = text
	}
	return clean
}

// redactArray is an array that is written without credentials.
type redactArray struct{ zapcore.ArrayMarshaler }

// MarshalLogArray implements zapcore.ArrayMarshaler.
func (a redactArray) MarshalLogArray(to zapcore.ArrayEncoder) error {
	return a.ArrayMarshaler.MarshalLogArray(redactElements{to})
}

// redactElements writes elements to an encoder, without the credentials in them.
type redactElements struct{ zapcore.ArrayEncoder }

// AppendString implements zapcore.ArrayEncoder.
func (r redactElements) AppendString(value string) {
	r.ArrayEncoder.AppendString(hiding.now().text(value))
}

// AppendByteString implements zapcore.ArrayEncoder.
func (r redactElements) AppendByteString(value []byte) {
	r.ArrayEncoder.AppendByteString([]byte(hiding.now().text(string(value))))
}

// AppendArray implements zapcore.ArrayEncoder.
func (r redactElements) AppendArray(array zapcore.ArrayMarshaler) error {
	return r.ArrayEncoder.AppendArray(redactedArray(array))
}

// AppendObject implements zapcore.ArrayEncoder.
func (r redactElements) AppendObject(object zapcore.ObjectMarshaler) error {
	return r.ArrayEncoder.AppendObject(redactObject{object})
}

// AppendReflected implements zapcore.ArrayEncoder.
func (r redactElements) AppendReflected(value any) error {
	clean, err := redactedReflection(value)
	if err != nil {
		return err
	}
	return r.ArrayEncoder.AppendReflected(clean)
}
