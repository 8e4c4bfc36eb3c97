package segment

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
)

// syncEvery is how often what was handed over is forced to disk.
const syncEvery = time.Second

// What segments are small against: the age and the size of all together. A segment goes
// as a whole, so what is kept exceeds neither bound by more than one part.
const (
	parts      = 16
	maxSegment = 64 << 20 // bytes
)

// limits bound what a series keeps.
type limits struct {
	age  time.Duration
	size int64
}

// series is one sequence of segments, in a folder of its own: that of what was accepted,
// or that of what was refused.
//
// Frames go into the queue on the goroutines of requests. The writer, a goroutine that
// lives as long as the series, is the only one that writes to the active segment, begins
// the next one, and removes old ones. Whoever reads takes a copy of the list, and has
// files open for as long as they are read, so that they may be removed meanwhile.
type series struct {
	folder   string
	observer archive.Observer
	queue    queue

	commands chan func()   // that the writer runs
	quit     chan struct{} // closed to end the writer
	done     chan struct{} // closed when it has ended

	mu       sync.Mutex // of what follows
	limits   limits
	segments []*segment // the earliest first

	// Held while segments are removed, or replaced by what is left of them.
	changing sync.Mutex

	// Of the writer alone.
	active *os.File // the last of the segments; nil while that is complete
	dirty  bool     // something was written that is not forced to disk
}

// segment is a file. One that is complete does not change, save that a purge replaces it.
type segment struct {
	start int64 // when it was begun, in nanoseconds since 1970: its name
	path  string

	mu    sync.Mutex
	size  int64     // of the whole frames in it
	last  time.Time // when it was written to
	found *contents // what is in it; nil until somebody has looked
}

// extension ends the names of segments, and unfinished those of what is to replace one.
const (
	extension  = ".segment"
	unfinished = ".tmp"
)

// openSeries opens the segments in a folder. What a purge has not finished goes: the
// segment that it was to replace is whole.
func openSeries(folder string, bounds limits, observer archive.Observer) (*series, error) {
	s := &series{
		folder: folder, observer: observer, limits: bounds,
		queue: queue{full: make(chan struct{}, 1)}, commands: make(chan func()), quit: make(chan struct{}), done: make(chan struct{}),
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		path := filepath.Join(folder, file.Name())
		if filepath.Ext(path) == unfinished {
			if err := os.Remove(path); err != nil {
				return nil, err
			}
			continue
		}
		name, isSegment := cutExtension(file.Name())
		info, err := file.Info()
		start, parseErr := strconv.ParseInt(name, 10, 64)
		if !isSegment || err != nil || parseErr != nil {
			continue
		}
		s.segments = append(s.segments, &segment{start: start, path: path, size: info.Size(), last: info.ModTime()})
	}
	go s.run()
	return s, nil
}

func cutExtension(name string) (string, bool) {
	ext := filepath.Ext(name)
	return name[:len(name)-len(ext)], ext == extension
}

// run is the writer.
func (s *series) run() {
	defer close(s.done)
	ticker := time.NewTicker(syncEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.write()
			s.sync()
			s.expire()
		case <-s.queue.full:
			s.write()
		case command := <-s.commands:
			command()
		case <-s.quit:
			s.write()
			s.seal()
			return
		}
	}
}

// do has the writer run a function, and waits for it.
func (s *series) do(ctx context.Context, command func()) error {
	ran := make(chan struct{})
	select {
	case s.commands <- func() { command(); close(ran) }:
		<-ran
		return nil
	case <-s.done:
		return archive.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write writes what waits to the active segment. Where that fails, the rest is lost as
// well: a disk that is full is not asked once for each batch.
func (s *series) write() {
	batches, lost := s.queue.take()
	if lost > 0 {
		s.lost(lost, nil)
	}
	var err error
	unwritten := 0
	for _, one := range batches {
		if err == nil {
			err = s.append(one.frames)
		}
		if err != nil {
			unwritten += one.count
		}
		s.queue.done(one)
	}
	if err != nil {
		s.lost(unwritten, err)
	}
}

func (s *series) lost(count int, err error) {
	if s.observer.Lost != nil {
		s.observer.Lost(count, err)
	}
}

// append writes frames. If that fails the segment ends before them, whatever is in the
// file: nobody knows what is on disk, and the next frames begin another one.
func (s *series) append(frames []byte) error {
	if err := s.begin(); err != nil {
		return err
	}
	current := s.last()
	written, err := s.active.Write(frames)
	if err != nil {
		if written > 0 {
			err = errors.Join(err, s.active.Truncate(current.length()))
		}
		s.seal()
		return err
	}
	current.grow(int64(len(frames)))
	s.dirty = true
	return nil
}

// begin makes sure that there is an active segment with room.
func (s *series) begin() error {
	now := time.Now()
	if s.active != nil {
		current := s.last()
		bounds := s.bounds()
		if current.length() < min(bounds.size/parts, maxSegment) && now.Sub(time.Unix(0, current.start)) < bounds.age/parts {
			return nil
		}
		s.seal()
	}
	start := now.UnixNano()
	if last := s.last(); last != nil {
		start = max(start, last.start+1) // the clock may have been set back
	}
	path := filepath.Join(s.folder, strconv.FormatInt(start, 10)+extension)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	s.active = file
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segments = append(s.segments, &segment{start: start, path: path, last: now})
	return nil
}

// sync forces what was written to disk.
func (s *series) sync() {
	if !s.dirty {
		return
	}
	s.dirty = false
	if err := s.active.Sync(); err != nil {
		s.lost(0, err)
		s.seal()
	}
}

// seal ends the active segment.
func (s *series) seal() {
	if s.active == nil {
		return
	}
	s.sync()
	if s.active == nil { // sync has ended it
		return
	}
	_ = s.active.Close() // what was forced to disk is there
	s.active = nil
}

// expire removes the segments that are too old, or too many.
func (s *series) expire() {
	if !s.changing.TryLock() {
		return // a purge is under way; the next tick comes
	}
	defer s.changing.Unlock()
	bounds, all := s.bounds(), s.list()
	total := int64(0)
	for _, one := range all {
		total += one.length()
	}
	for i, one := range all {
		isActive := i == len(all)-1 && s.active != nil
		tooMany := total > bounds.size && !isActive
		if !tooMany && time.Since(one.written()) < bounds.age {
			continue
		}
		if isActive {
			s.seal()
		}
		if s.remove(one) == nil {
			total -= one.length()
		}
	}
}

// remove removes a segment. It is tried again if that fails.
func (s *series) remove(gone *segment) error {
	if err := os.Remove(gone.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, one := range s.segments {
		if one == gone {
			s.segments = append(s.segments[:i:i], s.segments[i+1:]...)
			break
		}
	}
	return nil
}

// list returns the segments, the earliest first.
func (s *series) list() []*segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*segment(nil), s.segments...)
}

func (s *series) last() *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.segments) == 0 {
		return nil
	}
	return s.segments[len(s.segments)-1]
}

func (s *series) bounds() limits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits
}

func (s *series) setBounds(bounds limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = bounds
}

// close writes what waits, and ends the writer.
func (s *series) close() {
	close(s.quit)
	<-s.done
}

func (g *segment) length() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.size
}

func (g *segment) written() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last
}

func (g *segment) grow(by int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.size += by
	g.last = time.Now()
}
