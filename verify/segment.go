package verify

import (
	"bytes"
	"encoding/json"
)

// Content is what a provider signs: segments in their order.
type Content []Segment

// Segment is a piece of signed content. In JSON it is a string where nothing
// but its text is said.
type Segment struct {
	// A template.
	Text string `json:"text"`

	// What to do when a field of text is absent: refuse, empty (the field is
	// an empty string) or drop (the segment is left out). Default: refuse.
	Absent string `json:"absent,omitempty"`

	// Lower-case the segment.
	Lower bool `json:"lower,omitempty"`

	// The provider joins the fields of this segment so that text can be moved
	// from one to the next under the same signature, or may write into them the
	// text that separates signed values. Several fields count as not signed
	// then. One segment can be so. Default: false, and content that cannot be
	// taken apart in one way only is an error.
	Ambiguous bool `json:"ambiguous,omitempty"`
}

// MarshalJSON writes a single plain segment as a string.
func (c Content) MarshalJSON() ([]byte, error) {
	if len(c) == 1 && c[0] == (Segment{Text: c[0].Text}) {
		return json.Marshal(c[0].Text)
	}
	return json.Marshal([]Segment(c))
}

// UnmarshalJSON reads a string, or a list of strings and objects.
func (c *Content) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*c = Content{{Text: text}}
		return nil
	}
	return json.Unmarshal(data, (*[]Segment)(c))
}

// UnmarshalJSON reads a string or an object.
func (s *Segment) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &s.Text) == nil {
		return nil
	}
	type plain Segment
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode((*plain)(s))
}
