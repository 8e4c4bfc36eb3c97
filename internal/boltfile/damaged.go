package boltfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"io"
	"os"
)

// Damaged reads what can be read of a file that bbolt may not open, or would panic
// at. It writes nothing. Whatever the file says is checked against its size before it
// is believed: no page is read twice, and none that is larger than maxPage.
//
// A page begins with its number, its kind, how many elements it has, and how many
// pages follow that belong to it. The elements of a branch name a page each, those of a
// leaf have a key and a value, which stand at an offset from the element. The value of
// a bucket is the number of its first page; if that is 0 the page follows. Nothing but
// the first two pages has a checksum.
type Damaged struct {
	file     io.ReaderAt
	close    func() error
	pages    uint64 // in the file
	pageSize uint64
	root     uint64          // the page of the buckets; 0 if nobody knows
	read     map[uint64]bool // pages that were looked at
	budget   int64           // bytes that may be read yet: pages of a sound file do not overlap
	skipped  int
}

// What bbolt writes.
const (
	pageHeader    = 16
	elementSize   = 16
	metaSize      = 64 // with a checksum of the rest at its end
	bucketHeader  = 16
	branchPage    = 0x01
	leafPage      = 0x02
	isBucket      = 0x01
	magic         = 0xED0CDAED
	formatVersion = 2

	usualPageSize = 4096
	maxPage       = 256 << 20 // bytes, more than anything that is stored
	maxDepth      = 64        // of a tree
)

var order = binary.NativeEndian

// OpenDamaged opens a file for reading.
func OpenDamaged(path string) (*Damaged, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	d := readDamaged(file, info.Size())
	d.close = file.Close
	return d, nil
}

func readDamaged(file io.ReaderAt, size int64) *Damaged {
	d := &Damaged{file: file, pageSize: usualPageSize, read: make(map[uint64]bool)}
	var latest uint64
	// The second page is where the first one says how long pages are; if that is
	// damaged, where it can be.
	for _, at := range []int64{0, 1 << 12, 1 << 13, 1 << 14, 1 << 16} {
		meta := make([]byte, metaSize)
		if _, err := file.ReadAt(meta, at+pageHeader); err != nil {
			continue
		}
		sum := fnv.New64a()
		_, _ = sum.Write(meta[:metaSize-8])
		pageSize, transaction := uint64(order.Uint32(meta[8:])), order.Uint64(meta[48:])
		if order.Uint32(meta) != magic || order.Uint32(meta[4:]) != formatVersion || sum.Sum64() != order.Uint64(meta[metaSize-8:]) ||
			pageSize < 512 || pageSize > 1<<20 || d.root != 0 && transaction < latest {
			continue
		}
		latest, d.pageSize, d.root = transaction, pageSize, order.Uint64(meta[16:])
	}
	d.pages, d.budget = uint64(max(size, 0))/d.pageSize, 4*size
	return d
}

// Close closes the file.
func (d *Damaged) Close() error { return d.close() }

// Skipped is how many pages were damaged where one was expected.
func (d *Damaged) Skipped() int { return d.skipped }

// Walk calls found for each key of each bucket that can be reached, with values that
// are its own to read until it returns. Buckets in buckets are left out.
func (d *Damaged) Walk(found func(bucket string, key, value []byte)) {
	if d.root == 0 {
		d.skipped++
		return
	}
	d.tree(d.root, 0, func(flags uint32, name, value []byte) {
		if flags&isBucket == 0 || len(value) < bucketHeader {
			return
		}
		bucket := string(name)
		each := func(flags uint32, key, value []byte) {
			if flags&isBucket == 0 {
				found(bucket, key, value)
			}
		}
		if root := order.Uint64(value); root != 0 {
			d.tree(root, 0, each)
		} else if !d.elements(value[bucketHeader:], leafPage, func(element, rest []byte) (int, bool) { return leaf(element, rest, each) }) {
			d.skipped++
		}
	})
}

// Scan calls found for each key of each leaf that Walk has not come to: what it could
// not reach, and what was deleted.
func (d *Damaged) Scan(found func(key, value []byte)) {
	for number := uint64(2); number < d.pages; number++ {
		if d.read[number] {
			continue
		}
		page := d.page(number)
		d.elements(page, leafPage, func(element, rest []byte) (int, bool) {
			return leaf(element, rest, func(_ uint32, key, value []byte) { found(key, value) })
		})
	}
}

// tree goes through the leaves below a page.
func (d *Damaged) tree(number uint64, depth int, found func(flags uint32, key, value []byte)) {
	if d.read[number] || depth > maxDepth {
		d.skipped++
		return
	}
	page := d.page(number)
	switch {
	case d.elements(page, leafPage, func(element, rest []byte) (int, bool) { return leaf(element, rest, found) }):
	case d.elements(page, branchPage, func(element, _ []byte) (int, bool) {
		d.tree(order.Uint64(element[8:]), depth+1, found)
		return elementSize, true
	}):
	default:
		d.skipped++
	}
}

// page returns a page with those that belong to it; nil if it cannot be one.
func (d *Damaged) page(number uint64) []byte {
	header := make([]byte, pageHeader)
	if number < 2 || number >= d.pages {
		return nil
	}
	d.read[number] = true
	at := int64(number * d.pageSize) //nolint:gosec // within the file
	if _, err := d.file.ReadAt(header, at); err != nil || order.Uint64(header) != number {
		return nil
	}
	length := (1 + uint64(order.Uint32(header[12:]))) * d.pageSize
	if length > maxPage || number+length/d.pageSize > d.pages || int64(length) > d.budget {
		return nil
	}
	d.budget -= int64(length)
	page := make([]byte, length)
	if _, err := d.file.ReadAt(page, at); err != nil {
		return nil
	}
	return page
}

// elements calls each for the elements of a page of a kind, with what follows from an
// element on, and reports whether it is such a page and each took them all. It returns
// how many bytes it took, which together cannot be more than the page has.
func (d *Damaged) elements(page []byte, kind uint16, each func(element, rest []byte) (int, bool)) bool {
	if len(page) < pageHeader || order.Uint16(page[8:]) != kind {
		return false
	}
	whole, left := true, len(page)
	for i := range int(order.Uint16(page[10:])) {
		at := pageHeader + i*elementSize
		if at+elementSize > len(page) || left <= 0 {
			return false
		}
		took, good := each(page[at:at+elementSize], page[at:])
		left, whole = left-took, whole && good
	}
	return whole
}

// leaf reads an element of a leaf, and reports whether it can be one.
func leaf(element, rest []byte, found func(flags uint32, key, value []byte)) (int, bool) {
	at, key, value := uint64(order.Uint32(element[4:])), uint64(order.Uint32(element[8:])), uint64(order.Uint32(element[12:]))
	if at+key+value > uint64(len(rest)) {
		return elementSize, false
	}
	text := bytes.Clone(rest[at : at+key+value])
	found(order.Uint32(element), text[:key], text[key:])
	return elementSize + len(text), true
}
