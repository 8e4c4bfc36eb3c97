package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/internal/boltfile"
)

// StrayDestination has the dead letters that are made of webhooks of which a damaged
// file does not say any more whom they are for.
const StrayDestination = "salvaged"

// Salvaged is what could be saved of a damaged file.
type Salvaged struct {
	// Deliveries that wait, as they did.
	Waiting int `json:"waiting"`

	// Dead letters, as they were.
	Dead int `json:"dead"`

	// Webhooks of which it is not known whom they are for, nor whether they were
	// delivered before the damage. They are dead letters of the destination salvaged.
	Stray int `json:"stray"`

	// Deliveries that cannot be saved, since their webhooks are damaged.
	Lost int `json:"lost"`

	// Pages of the file that are damaged.
	Pages int `json:"pages"`
}

// Salvage saves what is intact of the file at path, which nobody may have open, into a
// new one; if to is empty, it only says what there is. Nothing is written to the
// damaged file. A webhook is intact if its checksum is right.
func Salvage(ctx context.Context, path, to string) (Salvaged, error) {
	w := &wreck{
		path: path, names: map[uint32]string{nobody: StrayDestination}, jobs: make(map[uint64][]wreckedJob), intact: make(map[uint64]bool), now: time.Now(),
	}
	skipped, err := w.read(w.take, func(sequence uint64, _ []byte) { w.intact[sequence] = true })
	if err != nil {
		return Salvaged{}, err
	}
	w.settle()
	w.found.Pages = skipped
	if to == "" {
		return w.found, nil
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return w.found, fmt.Errorf("%s is there already; name a new file", to)
	}
	return w.found, w.save(ctx, to)
}

// wreck is what was found in a damaged file, save the records: they are read once to
// see which are intact, and once more to save them.
type wreck struct {
	path   string
	names  map[uint32]string // of destinations, by number
	paused []string
	jobs   map[uint64][]wreckedJob // by the sequence of their records
	intact map[uint64]bool         // sequences of records
	found  Salvaged
	now    time.Time
}

// wreckedJob is a delivery of a record.
type wreckedJob struct {
	destination uint32
	state       deliver.State
	job         *job
}

// nobody is a number that no destination has.
const nobody = 0

// read reads the file: records, one at a time and only those that are intact, and the
// rest. What no tree leads to is read if something is missing.
func (w *wreck) read(rest func(bucket string, key, value []byte), record func(sequence uint64, encoded []byte)) (skipped int, err error) {
	file, err := boltfile.OpenDamaged(w.path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	found := func(key, value []byte) {
		if len(key) != 8 {
			return
		}
		if _, err := deliver.DecodeRecord(value); err == nil {
			record(sequenceOf(key), value)
		}
	}
	file.Walk(func(bucket string, key, value []byte) {
		if bucket == string(records) {
			found(key, value)
		} else {
			rest(bucket, key, value)
		}
	})
	if file.Skipped() > 0 || w.incomplete() {
		file.Scan(found)
	}
	return file.Skipped(), nil
}

// take takes what one key of a bucket says.
func (w *wreck) take(bucket string, key, value []byte) {
	switch bucket {
	case string(destinations):
		if q, err := decodeQueue(value); err == nil {
			if w.names[q.number] = string(key); q.paused {
				w.paused = append(w.paused, string(key))
			}
		}
	case string(waitingBucket):
		w.takeJob(key, value, deliver.Waiting)
	case string(deadBucket):
		w.takeJob(key, value, deliver.Dead)
	}
}

func (w *wreck) takeJob(key, value []byte, state deliver.State) {
	j, err := decodeJob(value)
	if len(key) != 12 || err != nil {
		return
	}
	if j.due.After(w.now.AddDate(1, 0, 0)) { // nothing is put off for so long
		j.due = w.now
	}
	at := slotOf(key)
	w.jobs[at.sequence] = append(w.jobs[at.sequence], wreckedJob{at.destination, state, j})
}

// incomplete reports whether there are deliveries without their records.
func (w *wreck) incomplete() bool {
	for sequence := range w.jobs {
		if !w.intact[sequence] {
			return true
		}
	}
	return false
}

// settle counts what there is, and forgets what is lost.
func (w *wreck) settle() {
	for sequence, jobs := range w.jobs {
		if !w.intact[sequence] {
			w.found.Lost += len(jobs)
			delete(w.jobs, sequence)
			continue
		}
		for _, j := range jobs {
			if j.state == deliver.Dead {
				w.found.Dead++
			} else {
				w.found.Waiting++
			}
		}
	}
	for sequence := range w.intact {
		if len(w.jobs[sequence]) == 0 {
			w.found.Stray++
		}
	}
}

// nameOf is the destination that a number stands for, as far as that is known.
func (w *wreck) nameOf(number uint32) string {
	if name, known := w.names[number]; known {
		return name
	}
	return fmt.Sprintf("%s-%d", StrayDestination, number)
}

// save stores it all in a new file.
func (w *wreck) save(ctx context.Context, path string) (err error) {
	s, err := Options{Path: path}.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for _, destination := range w.paused {
		if err := s.SetPaused(ctx, destination, true); err != nil {
			return err
		}
	}
	// Strays get sequences behind those of the others, which keep theirs, and so
	// their order.
	err = s.do(ctx, &operation{}, func(b *batch) error {
		b.note(b.tx.Bucket(records).SetSequence(slices.Max(slices.AppendSeq([]uint64{0}, maps.Keys(w.jobs)))))
		return b.err
	})
	var some []func(*batch)
	size := 0
	flush := func() {
		if err == nil {
			err = s.do(ctx, &operation{bytes: size}, func(b *batch) error {
				for _, put := range some {
					put(b)
				}
				return b.err
			})
		}
		some, size = nil, 0
	}
	_, unread := w.read(func(string, []byte, []byte) {}, func(sequence uint64, encoded []byte) {
		if err != nil || !w.intact[sequence] {
			return
		}
		delete(w.intact, sequence) // it may be in the file twice
		some, size = append(some, func(b *batch) { w.put(b, sequence, encoded) }), size+len(encoded)
		if len(some) >= maxBatch || size >= maxBatchBytes {
			flush()
		}
	})
	flush()
	return errors.Join(err, unread)
}

// put stores a record and its deliveries. One that has none is a dead letter.
func (w *wreck) put(b *batch, sequence uint64, encoded []byte) {
	jobs := w.jobs[sequence]
	if len(jobs) == 0 {
		next, err := b.tx.Bucket(records).NextSequence()
		b.note(err)
		sequence = next
		stray := &job{stored: w.now, failure: deliver.Failure{Reason: "salvaged from a damaged file"}}
		jobs = []wreckedJob{{nobody, deliver.Dead, stray}}
	}
	b.put(records, sequenceKey(sequence), encoded)
	waiting, dead := 0, 0
	for _, j := range jobs {
		if j.state == deliver.Dead {
			dead++
		} else {
			waiting++
		}
	}
	b.count(sequence, waiting, dead)
	key := b.key(sequence)
	for _, j := range jobs {
		q := b.queue(w.nameOf(j.destination))
		at := slot{q.number, sequence}
		if j.state == deliver.Dead {
			q.dead++
			b.put(deadBucket, at.key(), j.job.encode())
		} else {
			b.wait(at, q, j.job, key)
		}
	}
}
