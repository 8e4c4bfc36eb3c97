package deliver

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Record is a stored webhook: what has to be known to hand it to an app again.
type Record struct {
	// Key makes the record unique: one that is waiting is not stored twice. It
	// is hexadecimal, and empty where two records are never the same.
	Key string `json:"key,omitempty"`

	Ref      string    `json:"ref,omitempty"`      // names it in the archive; empty where it is not kept
	ID       string    `json:"id"`                 // the delivery id that the app sees
	Provider string    `json:"provider"`           // the provider's name
	Endpoint string    `json:"endpoint,omitempty"` // the name of the endpoint where it arrived; empty for earlier versions
	Event    string    `json:"event,omitempty"`    // the event's name
	Received time.Time `json:"received"`           // when it arrived

	// Request is the rest of the request, as who appends it wants it back.
	Request json.RawMessage `json:"request,omitempty"`

	// Body is the payload.
	Body []byte `json:"-"`
}

// ErrChecksum says that a stored record is not what was stored.
var ErrChecksum = errors.New(ReasonCorrupt)

// A record on disk: the version of the format, the SHA-256 of all that
// follows, the length of the head in four bytes, the head, the body.
const (
	recordVersion = 1
	recordPrefix  = 1 + sha256.Size + 4
)

// Encode returns the record as it is stored, with a checksum over all of it.
// Disks and databases do lose bits, and mostly do not notice.
func (r *Record) Encode() ([]byte, error) {
	head, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding a record: %w", err)
	}
	encoded := make([]byte, recordPrefix, recordPrefix+len(head)+len(r.Body))
	encoded[0] = recordVersion
	binary.BigEndian.PutUint32(encoded[1+sha256.Size:], uint32(len(head))) //nolint:gosec // the head has no body in it
	encoded = append(append(encoded, head...), r.Body...)
	sum := sha256.Sum256(encoded[1+sha256.Size:])
	copy(encoded[1:], sum[:])
	return encoded, nil
}

// DecodeRecord returns a record as it was stored, or ErrChecksum. The record
// does not share memory with encoded.
func DecodeRecord(encoded []byte) (*Record, error) {
	if len(encoded) < recordPrefix || encoded[0] != recordVersion {
		return nil, ErrChecksum
	}
	sum := sha256.Sum256(encoded[1+sha256.Size:])
	if !bytes.Equal(sum[:], encoded[1:1+sha256.Size]) {
		return nil, ErrChecksum
	}
	r, body, err := decodeHead(encoded)
	if err != nil {
		return nil, err
	}
	r.Body = bytes.Clone(body)
	return r, nil
}

// DecodeHead returns a record without its body, and the body's length. The
// checksum is not looked at: it is for lists, which hand nothing to an app.
func DecodeHead(encoded []byte) (*Record, int, error) {
	r, body, err := decodeHead(encoded)
	return r, len(body), err
}

func decodeHead(encoded []byte) (*Record, []byte, error) {
	if len(encoded) < recordPrefix || encoded[0] != recordVersion {
		return nil, nil, ErrChecksum
	}
	length := int64(binary.BigEndian.Uint32(encoded[1+sha256.Size:]))
	rest := encoded[recordPrefix:]
	if length > int64(len(rest)) {
		return nil, nil, ErrChecksum
	}
	r := new(Record)
	if err := json.Unmarshal(rest[:length], r); err != nil {
		return nil, nil, ErrChecksum
	}
	return r, rest[length:], nil
}
