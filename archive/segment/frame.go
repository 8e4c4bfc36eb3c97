package segment

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
)

// A segment is a sequence of frames, and nothing else. A frame is, with numbers in
// big-endian order: its kind in one byte, the lengths of its head and of its content in
// four bytes each, the CRC-32C of these nine bytes and the head, the CRC-32C of the
// content, the head as JSON, the content. The head of a record is its summary, and the
// content its request; a note has no content.
const (
	recordKind = 'R'
	noteKind   = 'N'

	prefixSize = 1 + 4 + 4 + 4 + 4

	maxHead    = 1 << 20 // bytes
	maxContent = 1 << 30 // bytes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// What ends the reading of a segment before its end.
var (
	// errTorn is for a last frame that is not whole, as a crash leaves one.
	errTorn = errors.New("the last frame is not whole")

	// errDamaged is for a frame that is not as it was written.
	errDamaged = errors.New("a frame is damaged")
)

// appendFrame appends a frame whose content is in two parts.
func appendFrame(to []byte, kind byte, head, content, rest []byte) []byte {
	at := len(to)
	to = append(to, kind)
	to = binary.BigEndian.AppendUint32(to, uint32(len(head)))              //nolint:gosec // the head has no body in it
	to = binary.BigEndian.AppendUint32(to, uint32(len(content)+len(rest))) //nolint:gosec // at most maxQueue
	sum := crc32.Update(crc32.Checksum(to[at:], castagnoli), castagnoli, head)
	to = binary.BigEndian.AppendUint32(to, sum)
	to = binary.BigEndian.AppendUint32(to, crc32.Update(crc32.Checksum(content, castagnoli), castagnoli, rest))
	return append(append(append(to, head...), content...), rest...)
}

// frame is a frame that was read. Its content is not looked at before it is asked for.
type frame struct {
	offset  int64 // in the segment
	size    int64 // of all of it
	kind    byte
	head    []byte // good until the next frame is read
	content int64  // its length
	sum     uint32 // of the content
}

// reader reads the frames of a segment, from its first byte on.
type reader struct {
	from   *bufio.Reader
	offset int64 // of the next frame
	end    int64 // of what has been written
	head   []byte
}

// readAhead is how much of a segment is read at a time.
const readAhead = 256 << 10

func newReader(file io.ReaderAt, end int64) *reader {
	return &reader{from: bufio.NewReaderSize(io.NewSectionReader(file, 0, end), readAhead), end: end}
}

// next returns the next frame. The error is io.EOF after the last one, errTorn or
// errDamaged. Nothing can be told of what follows a damaged frame: to look for the next
// good one would be to take for frames what senders have written into their payloads.
func (r *reader) next() (*frame, error) {
	left := r.end - r.offset
	if left == 0 {
		return nil, io.EOF
	}
	var prefix [prefixSize]byte
	if left < prefixSize {
		return nil, errTorn
	}
	if _, err := io.ReadFull(r.from, prefix[:]); err != nil {
		return nil, readError(err)
	}
	head, content := int64(binary.BigEndian.Uint32(prefix[1:])), int64(binary.BigEndian.Uint32(prefix[5:]))
	if prefix[0] != recordKind && prefix[0] != noteKind || head > maxHead || content > maxContent {
		return nil, errDamaged
	}
	f := &frame{offset: r.offset, size: prefixSize + head + content, kind: prefix[0], content: content}
	if f.size > left {
		return nil, errTorn
	}
	if int64(cap(r.head)) < head {
		r.head = make([]byte, head)
	}
	f.head = r.head[:head]
	if _, err := io.ReadFull(r.from, f.head); err != nil {
		return nil, readError(err)
	}
	if crc32.Update(crc32.Checksum(prefix[:9], castagnoli), castagnoli, f.head) != binary.BigEndian.Uint32(prefix[9:]) {
		return nil, errDamaged
	}
	f.sum = binary.BigEndian.Uint32(prefix[13:])
	if _, err := r.from.Discard(int(content)); err != nil {
		return nil, readError(err)
	}
	r.offset += f.size
	return f, nil
}

// readError says what an error means that ends a frame: the file is shorter than it was
// said to be, or cannot be read.
func readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return err
}

// entry is a record of which the request is still on disk.
type entry struct {
	summary      *archive.Summary
	offset, size int64
	content      int64
	sum          uint32
}

// record decodes a frame that is a record.
func (f *frame) record() (*entry, error) {
	e := &entry{summary: new(archive.Summary), offset: f.offset, size: f.size, content: f.content, sum: f.sum}
	if err := json.Unmarshal(f.head, e.summary); err != nil || e.summary.Ref == "" {
		return nil, errDamaged
	}
	return e, nil
}

// note decodes a frame that is a note.
func (f *frame) note() (*archive.Note, error) {
	n := new(archive.Note)
	if err := json.Unmarshal(f.head, n); err != nil || n.Ref == "" {
		return nil, errDamaged
	}
	return n, nil
}

// load reads the request of an entry.
func (e *entry) load(file io.ReaderAt) (*archive.Record, error) {
	content := make([]byte, e.content)
	if _, err := file.ReadAt(content, e.offset+e.size-e.content); err != nil {
		return nil, readError(err)
	}
	if crc32.Checksum(content, castagnoli) != e.sum {
		return nil, errDamaged
	}
	body := headEnd(content)
	return &archive.Record{Summary: *e.summary, Head: content[:body:body], Body: content[body:]}, nil
}

// headEnd returns where the body of a request begins.
func headEnd(request []byte) int {
	for i := 0; i+4 <= len(request); i++ {
		if string(request[i:i+4]) == "\r\n\r\n" {
			return i + 4
		}
	}
	return len(request)
}
