// Package payload reads the body of a webhook once and strictly.
//
// A body is kept as the bytes that came over the wire. What rules, signed
// fields and event names need from it is read from those bytes on demand, so
// that nothing is rendered again: strings come unescaped, numbers as they were
// written. JSON is read by RFC 8259 with most of the interoperability rules of
// RFC 7493: invalid UTF-8, lone surrogates, a byte order mark, trailing data and
// nesting deeper than 10,000 levels are errors. So is a name that stands twice
// in an object, wherever it is read: on the way to a value, or inside one that
// is decoded.
package payload
