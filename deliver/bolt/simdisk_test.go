package bolt

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"
)

// simDisk is what would be on a disk that loses what was not forced to it. It knows
// how bbolt commits: pages that nobody uses are written, in any order, and forced to
// disk; then one of the two first pages, which makes them count, is written and
// forced. So a loss of power in the middle of a transaction leaves any part of the
// pages, torn between sectors, and either of the first pages.
type simDisk struct {
	t      *testing.T
	path   string
	forced []byte // the file before the transaction in which power fails
}

const (
	simPage   = 4096
	simSector = 512
)

func (d *simDisk) read() []byte {
	content, err := os.ReadFile(d.path)
	if err != nil {
		d.t.Fatal(err)
	}
	return content
}

// force says that what is in the file is on disk, while no transaction is made.
func (d *simDisk) force() { d.forced = d.read() }

// interrupted is the file after power was lost in the middle of the transaction that
// has just been written.
func (d *simDisk) interrupted(random *rand.Rand) []byte {
	whole := d.read()
	if random.IntN(3) == 0 {
		return whole // all of it was forced, and nobody was told
	}
	image := bytes.Clone(d.forced)
	if random.IntN(2) == 0 && len(whole) > len(image) {
		image = append(image, make([]byte, len(whole)-len(image))...)
	}
	share := random.IntN(5) // of 4, that were written
	for at := 2 * simPage; at+simSector <= len(image); at += simSector {
		if at+simSector <= len(whole) && random.IntN(4) < share {
			copy(image[at:at+simSector], whole[at:])
		}
	}
	return image
}

// restore makes the file what it is after a crash.
func (d *simDisk) restore(image []byte) {
	if err := os.WriteFile(d.path, image, 0o600); err != nil {
		d.t.Fatal(err)
	}
}
